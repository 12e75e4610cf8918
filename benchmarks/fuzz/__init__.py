"""A running detector that is sent what no sound camera, controller or operator would send."""
