# Generated from protos/ by generate.py; not to be edited.
