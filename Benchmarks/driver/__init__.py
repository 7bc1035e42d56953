"""What `make bench` does around its workers: the plan, the rounds, the result file, tables. Needs Python alone."""
