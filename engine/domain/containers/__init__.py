"""The containers room: records, changes and views of containers, and of the execs in them."""
