"""Menus that belong to one subject: their actions, and the questions these ask."""
