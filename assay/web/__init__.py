"""The front of the web UI: who may ask what of Dagster's webserver, and the processes behind it."""
