"""The command line: flags, commands, start-up, and the tables that a person reads."""
