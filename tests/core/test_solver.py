"""The damped Gauss-Newton solver: against closed forms, SciPy and its own constraints."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import lsq_linear, minimize

from fields_core.fitting.solver import Constraints, GemanMcClure, Huber, Linearization, Prior, solve


def linear_problem(matrices: np.ndarray, targets: np.ndarray):
    def function(x, items):
        return Linearization(np.einsum("bmn,bn->bm", matrices[items], x) - targets[items], matrices[items].copy())

    return function


def no_prior(batch: int, size: int) -> Prior:
    return Prior(np.zeros((batch, size)), np.zeros((batch, size)))


def free(size: int) -> Constraints:
    return Constraints(np.full(size, -np.inf), np.full(size, np.inf))


def test_linear_least_squares_ends_at_the_closed_form_solution():
    rng = np.random.default_rng(0)
    A, b = rng.normal(size=(3, 20, 6)), rng.normal(size=(3, 20))
    solution = solve(linear_problem(A, b), np.zeros((3, 6)), no_prior(3, 6), free(6), tolerance=1e-12)
    expected = np.stack([np.linalg.lstsq(A[i], b[i], rcond=None)[0] for i in range(3)])
    assert solution.converged.all()
    np.testing.assert_allclose(solution.x, expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_bounds_give_the_same_answer_as_scipy(seed):
    rng = np.random.default_rng(seed)
    A, b = rng.normal(size=(1, 30, 12)), 2 * rng.normal(size=(1, 30))
    lower, upper = np.full(12, -0.05), np.full(12, 0.1)
    solution = solve(
        linear_problem(A, b), np.zeros((1, 12)), no_prior(1, 12), Constraints(lower, upper), tolerance=1e-12
    )
    expected = lsq_linear(A[0], b[0], (lower, upper), tol=1e-14).x
    np.testing.assert_allclose(solution.x[0], expected, atol=1e-5)
    assert np.any(solution.x[0] == lower) or np.any(solution.x[0] == upper)


def test_an_inequality_is_met_exactly_and_optimally():
    rng = np.random.default_rng(1)
    A, b = rng.normal(size=(1, 10, 3)), rng.normal(size=(1, 10))
    best = np.linalg.lstsq(A[0], b[0], rcond=None)[0]
    row = np.array([[1.0, -2.0, 0.5]])
    limits = row @ best - 0.5  # cuts the free optimum off
    start = best - row[0]
    constraints = Constraints(np.full(3, -np.inf), np.full(3, np.inf), row, limits)
    solution = solve(linear_problem(A, b), start[None], no_prior(1, 3), constraints, tolerance=1e-12)
    inequality = {"type": "ineq", "fun": lambda x: limits[0] - row[0] @ x}
    expected = minimize(lambda x: ((A[0] @ x - b[0]) ** 2).sum(), start, constraints=inequality, tol=1e-12).x
    assert (row @ solution.x[0] <= limits + 1e-9).all()
    np.testing.assert_allclose(solution.x[0], expected, atol=1e-5)


def test_a_curved_valley_is_followed_to_its_end():
    def rosenbrock(x, items):
        residuals = np.stack([10 * (x[:, 1] - x[:, 0] ** 2), 1 - x[:, 0]], 1)
        jacobian = np.zeros((len(x), 2, 2))
        jacobian[:, 0, 0], jacobian[:, 0, 1], jacobian[:, 1, 0] = -20 * x[:, 0], 10.0, -1.0
        return Linearization(residuals, jacobian)

    start = np.array([[-1.2, 1.0], [3.0, -2.0], [1.0, 1.0]])
    solution = solve(rosenbrock, start, no_prior(3, 2), free(2), max_iterations=100, tolerance=1e-10)
    assert solution.converged.all()
    np.testing.assert_allclose(solution.x, 1.0, atol=1e-5)
    assert solution.iterations[2] < solution.iterations[0]  # each item stops when it is done


def test_a_prior_below_its_bound_makes_unneeded_unknowns_exactly_zero():
    target = np.array([[0.05, 0.5]])
    prior = Prior(np.full((1, 2), -1.0), np.full((1, 2), 0.1))
    constraints = Constraints(np.zeros(2), np.ones(2))
    solution = solve(linear_problem(np.eye(2)[None], target), np.full((1, 2), 0.3), prior, constraints)
    assert solution.x[0, 0] == 0.0
    assert solution.x[0, 1] == pytest.approx((0.5 - 0.1) / 1.1, abs=1e-4)


@pytest.mark.parametrize("loss", [Huber(0.1, group=2), GemanMcClure(0.3, group=2)])
def test_a_robust_loss_ignores_outliers_that_ruin_least_squares(loss):
    rng = np.random.default_rng(2)
    points = rng.normal(scale=0.02, size=(1, 2, 50)) + np.array([1.0, 2.0])[:, None]
    points[0, :, :8] += 5.0

    def mean_point(x, items):
        residuals = (x[:, :, None] - points[items]).reshape(len(x), -1)
        return Linearization(residuals, np.broadcast_to(np.kron(np.eye(2), np.ones((50, 1))), (len(x), 100, 2)).copy())

    start = np.array([[1.2, 2.2]])
    plain = solve(mean_point, start, no_prior(1, 2), free(2)).x[0]
    robust = solve(mean_point, start, no_prior(1, 2), free(2), loss=loss, max_iterations=100).x[0]
    assert np.linalg.norm(plain - [1, 2]) > 0.5
    assert np.linalg.norm(robust - [1, 2]) < 0.05


def test_a_batch_gives_what_each_item_gives_alone():
    rng = np.random.default_rng(3)
    A, b = rng.normal(size=(4, 8, 5)), rng.normal(size=(4, 8))
    constraints = Constraints(np.zeros(5), np.ones(5))
    together = solve(linear_problem(A, b), np.zeros((4, 5)), no_prior(4, 5), constraints).x
    for i in range(4):
        alone = solve(linear_problem(A[i : i + 1], b[i : i + 1]), np.zeros((1, 5)), no_prior(1, 5), constraints).x
        np.testing.assert_allclose(together[i], alone[0], atol=1e-12)


def test_a_start_outside_the_constraints_is_moved_inside():
    constraints = Constraints(np.zeros(2), np.ones(2), np.array([[1.0, -1.0]]), np.zeros(1))
    inside = constraints.feasible(np.array([[5.0, 0.2], [-1.0, 0.5]]))
    assert (inside >= 0).all()
    assert (inside[:, 0] <= inside[:, 1] + 1e-12).all()


def test_residuals_that_blow_up_do_not_end_the_search_in_nan():
    def logarithm(x, items):
        with np.errstate(invalid="ignore", divide="ignore"):
            return Linearization(np.log(x) - 1.0, (1 / x)[:, :, None])

    solution = solve(logarithm, np.array([[20.0]]), no_prior(1, 1), free(1), max_iterations=60)
    assert solution.x[0, 0] == pytest.approx(np.e, rel=1e-3)


def test_running_out_of_iterations_is_reported():
    rng = np.random.default_rng(4)
    A, b = rng.normal(size=(1, 8, 5)), rng.normal(size=(1, 8))
    assert not solve(linear_problem(A, b), np.full((1, 5), 9.0), no_prior(1, 5), free(5), max_iterations=1).converged[0]


def test_an_unknown_with_equal_bounds_stays_put_and_costs_no_convergence():
    rng = np.random.default_rng(6)
    A, b = rng.normal(size=(1, 12, 4)), rng.normal(size=(1, 12))
    lower, upper = np.array([-9.0, 0.3, -9.0, 0.0]), np.array([9.0, 0.3, 9.0, 0.1])
    solution = solve(linear_problem(A, b), np.zeros((1, 4)), no_prior(1, 4), Constraints(lower, upper), tolerance=1e-10)
    expected = lsq_linear(A[0], b[0], (lower - 1e-9, upper + 1e-9), tol=1e-14).x
    assert solution.converged[0]
    assert solution.iterations[0] <= 5
    assert solution.x[0, 1] == 0.3
    np.testing.assert_allclose(solution.x[0], expected, atol=1e-5)


@pytest.mark.parametrize("seed", range(20))
def test_coupled_bounds_and_inequalities_end_at_the_optimum(seed):
    """As lips and jaw: x0 <= x1, both start at zero, where bound and inequality hold at once."""
    rng = np.random.default_rng(seed)
    A, b = rng.normal(size=(1, 15, 8)), rng.normal(size=(1, 15)) + 0.5
    row = np.zeros((1, 8))
    row[0, :2] = 1.0, -1.0
    constraints = Constraints(np.zeros(8), np.full(8, 0.3), row, np.zeros(1))
    solution = solve(linear_problem(A, b), np.zeros((1, 8)), no_prior(1, 8), constraints, tolerance=1e-12)
    expected = minimize(
        lambda x: ((A[0] @ x - b[0]) ** 2).sum(),
        np.full(8, 0.1),
        jac=lambda x: 2 * A[0].T @ (A[0] @ x - b[0]),
        bounds=[(0.0, 0.3)] * 8,
        constraints={"type": "ineq", "fun": lambda x: x[1] - x[0]},
        tol=1e-14,
    )
    assert 2 * solution.cost[0] <= expected.fun + 1e-6
