"""One package per stage: pipeline.py wires, nodes.py works, params.py and schemas.py refuse."""
