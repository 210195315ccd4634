"""A network taken apart: its layers and their connections, what each unit sees, the values on the way."""
