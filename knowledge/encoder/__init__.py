"""The sentence encoder: where its weights come from, how it is adapted, and how it is served.

`base_model` reads the packaged weights, `training` adapts them, `export` makes the serving model, and
`serving` is what the running assistant uses (onnxruntime only).
"""
