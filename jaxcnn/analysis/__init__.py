"""What can be said of an experiment before it runs, and how fast it is: tables, dry run, benchmark, doctor."""
