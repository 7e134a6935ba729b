"""What the public servers have, small: an Enformer's checkpoint and the tables of tracks, in the official formats."""

import json
from functools import cache
from pathlib import Path

import torch
from enformer_pytorch import Enformer

from creme_core.models.enformer import attentions
from tests.core.networks import randomise

__all__ = ["enformer_targets", "gamma_network", "official_config", "save_pickle"]

# The least that TensorFlow's position features fit: 192 features a head, 1,536 columns of 128 bp.
SIZES = {"dim": 192, "depth": 2, "heads": 1, "attn_dim_key": 4, "dim_divisible_by": 96}
ENFORMER_ASSAYS = (("DNASE", 674), ("ATAC", 10), ("CHIP", 3_991), ("CAGE", 638))
PAPER_ROWS = {
    4_824: ("CNhs11243", "CAGE:prostate cancer cell line:PC-3"),
    4_828: ("CNhs11250", "CAGE:chronic myelogenous leukemia cell line:K562"),
    5_110: ("CNhs12333", "CAGE:B lymphoblastoid cell line: GM12878 ENCODE, biol_"),
    5_111: ("CNhs12336", "CAGE:chronic myelogenous leukemia cell line:K562 ENCODE, biol_"),
}


@cache
def gamma_network(outputs: int = 5) -> Enformer:
    """A randomised Enformer with TensorFlow's position features, in eval mode; shared, so not to be changed."""
    with torch.random.fork_rng():
        torch.manual_seed(7)
        heads = {"human": outputs, "mouse": 2}
        module = Enformer.from_hparams(**SIZES, output_heads=heads, target_length=896, use_tf_gamma=True)
    assert all(attention.use_tf_gamma for attention in attentions(module))
    return randomise(module, 7).eval()


def official_config(outputs: int = 5) -> dict:
    """config.json as save_pretrained writes it, whatever the weights were trained with."""
    heads = {"human": outputs, "mouse": 2}
    fixed = {"target_length": 896, "num_downsamples": 7, "use_checkpointing": False, "use_tf_gamma": False}
    rates = {"dropout_rate": 0.4, "attn_dropout": 0.05, "pos_dropout": 0.01}
    kind = {"architectures": ["Enformer"], "model_type": "enformer", "torch_dtype": "float32"}
    return SIZES | {"output_heads": heads} | fixed | rates | kind


def save_pickle(folder: Path, module: Enformer, config: dict | None = None) -> Path:
    """Write config.json and pytorch_model.bin, both names of the trunk in it, as on Hugging Face."""
    folder.mkdir(parents=True, exist_ok=True)
    config = official_config(module.output_heads["human"]) if config is None else config
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    torch.save(module.state_dict(), folder / "pytorch_model.bin")
    return folder


def enformer_targets() -> str:
    """targets_human.txt of Enformer: 5,313 rows in the public format, the paper's three at their places."""
    lines = ["index\tgenome\tidentifier\tfile\tclip\tscale\tsum_stat\tdescription"]
    for assay, count in ENFORMER_ASSAYS:
        for number in range(count):
            index = len(lines) - 1
            names = {"CHIP": f"CHIP:TF{number % 50}:line{number % 9}", "CAGE": f"CAGE:tissue {number % 600}, pool1"}
            description = names.get(assay, f"{assay}:line{number % 9}")
            identifier = f"CNhs{20_000 + index}" if assay == "CAGE" else f"ENCFF{index:03}AAA"
            identifier, description = PAPER_ROWS.get(index, (identifier, description))
            path = f"/home/drk/{identifier}.bw"
            lines.append(f"{index}\t0\t{identifier}\t{path}\t384\t1\tsum\t{description}")
    return "\n".join(lines) + "\n"
