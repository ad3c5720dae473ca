"""Cases as values: states, deadlines, pages, roster, queue, figures. Pure: no I/O, no clock; start at `case.py`."""
