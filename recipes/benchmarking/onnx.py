"""seqtag's exports in the benchmark, predicting only: ONNX in fp32, and with int8 weights. Their process has no torch.

python recipes/benchmark.py --help
"""

from seqtag.runtime import load as load_export

EXPORTS = {  # system: its folder, the file there, how it is exported; what int8 costs stands in the table
    "seqtag onnx": ("onnx", "model.onnx", {}),
    "seqtag int8": ("int8", "model.int8.onnx", {"int8": True, "force": True}),
}


def load(job, folder):
    name, _, options = EXPORTS[job["system"]]
    return load_export(folder / name, int8=options.get("int8", False), threads=job["threads"])


def needed(job, folder):
    name, network, _ = EXPORTS[job["system"]]
    return [folder / name / file for file in ("config.json", "vocabulary.json", network)]


def tags(tagger, sentences):
    return tagger.predict(sentences)


def spans(tagger, texts):
    return tagger.predict_spans(texts)
