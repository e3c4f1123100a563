"""A recommender for TensorFlow Serving: where its SavedModel goes, and a request of the REST API.

    python examples/serve_saved_model.py

TensorFlow Serving, which is not part of this project, answers the request that this prints:

    tensorflow_model_server --rest_api_port=8501 --model_name=books --model_base_path=$PWD/runs/books
    curl -d REQUEST http://localhost:8501/v1/models/books:predict

Here a session answers it, by the same signature. tf.saved_model.load of TensorFlow 2 does as well.
"""
import json
import os
import shutil
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

from tf1_sampled.recsys import YouTubeDNN


def export(base_path):
    """Train a model, and return the folder of its SavedModel: base_path/1, then base_path/2."""
    users = np.repeat(np.arange(200), 6)
    items = ["book %d" % ((user * 5 + i % 6) % 40) for i, user in enumerate(users)]
    os.makedirs(base_path, exist_ok=True)
    served = os.path.join(base_path, str(len(os.listdir(base_path)) + 1))
    with tempfile.TemporaryDirectory() as folder:
        model = YouTubeDNN(dim=16, epochs=10, num_sampled=10, split="none").fit((users, items, None))
        model.save(folder + "/model")
        return shutil.copytree(folder + "/model/saved_model", served)


def answer(saved_model, request):
    """Return what TensorFlow Serving answers to a request: {"outputs": {name: list}}."""
    with tf.Session(graph=tf.Graph()) as session:
        model = tf.saved_model.load(session, [tf.saved_model.SERVING], saved_model)
        signature = model.signature_def[request["signature_name"]]
        feed = {signature.inputs[name].name: value for name, value in request["inputs"].items()}
        outputs = session.run({name: info.name for name, info in signature.outputs.items()}, feed)
    return {"outputs": {name: value.tolist() for name, value in outputs.items()}}


def main(base_path="runs/books"):
    folder = export(base_path)
    histories = [["book 10", "book 11"], ["book 20", ""]]  # of two users, "" pads
    request = {"signature_name": "recommend", "inputs": {"items": histories, "seen": histories, "k": 3}}
    print(json.dumps(request))
    print(json.dumps(answer(folder, request), default=bytes.decode))


if __name__ == "__main__":
    main()
