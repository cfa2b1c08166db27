"""One way to embed texts, in a process and an environment of its own. Imports nothing of this repository.

Started by `benchmarks/encode.py` with the Python of whatever environment the peer lives in. Requests and answers are
JSON lines: `load` once, `texts` for each set, then `encode` or `single` as often as asked.
"""

import gc
import json
import os
import sys
import time

CLOCK = time.perf_counter


def sentence_transformers(folder, backend, file, dtype, **_):
    """Sentence Transformers, on any of its backends."""
    from sentence_transformers import SentenceTransformer

    options = {}
    if backend == "torch":
        import torch

        options["torch_dtype"] = getattr(torch, dtype)  # version 5 and 6 both take this name
    else:
        options["file_name"] = file
        if backend == "onnx":
            options["provider"] = "CPUExecutionProvider"
    model = SentenceTransformer(folder, device="cpu", backend=backend, model_kwargs=options)
    return lambda texts: model.encode(texts, batch_size=32, show_progress_bar=False)


def fastembed(folder, file, dimension, **_):
    """fastembed with a model of its caller's, mean pooling, on ONNX Runtime."""
    import numpy
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    TextEmbedding.add_custom_model(
        model="local/model",
        pooling=PoolingType.MEAN,
        normalization=False,
        sources=ModelSource(hf="local/model"),
        dim=dimension,
        model_file=file,
    )
    model = TextEmbedding("local/model", specific_model_path=folder, threads=os.cpu_count())
    return lambda texts: numpy.stack(list(model.embed(texts, batch_size=32)))


def advisor(folder, runtime, file, settings, **_):
    """advisor's encoder, as `advisor.load` opens it."""
    from pathlib import Path

    from advisor.encode import open_encoder
    from advisor.types import RuntimeSettings

    encoder = open_encoder(Path(folder), runtime=runtime, file=Path(file), settings=RuntimeSettings(**settings))
    return encoder.encode


def export_by_optimum(folder, out, **_):
    """Optimum's own O3 and avx512_vnni files, written into `out`."""
    from sentence_transformers import (
        SentenceTransformer,
        export_dynamic_quantized_onnx_model,
        export_optimized_onnx_model,
    )

    model = SentenceTransformer(folder, device="cpu", backend="onnx", model_kwargs={"export": True})
    model.save_pretrained(out)
    export_optimized_onnx_model(model, "O3", out)
    export_dynamic_quantized_onnx_model(model, "avx512_vnni", out)


KINDS = {
    "sentence_transformers": sentence_transformers,
    "fastembed": fastembed,
    "advisor": advisor,
    "export_by_optimum": export_by_optimum,
}


def main():
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever libraries print
    encode, sets = None, {}
    for line in sys.stdin:
        request = json.loads(line)
        op = request.pop("op")
        try:
            if op == "load":
                encode = KINDS[request.pop("kind")](**request)
                answer = {}
            elif op == "texts":
                with open(request["path"], encoding="utf-8") as file:
                    sets = json.load(file)
                answer = {}
            elif op == "encode":  # the whole set, in one call
                gc.collect()
                start = CLOCK()
                encode(sets[request["set"]])
                answer = {"seconds": CLOCK() - start}
            elif op == "single":  # each text of the set in a call of its own
                seconds = []
                for text in sets[request["set"]]:
                    start = CLOCK()
                    encode([text])
                    seconds.append(CLOCK() - start)
                answer = {"seconds": seconds}
            elif op == "embed":
                import numpy

                numpy.save(request["out"], numpy.asarray(encode(sets[request["set"]]), dtype="float32"))
                answer = {}
            else:
                raise ValueError(op)
        except Exception as error:  # told to whoever asked
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
