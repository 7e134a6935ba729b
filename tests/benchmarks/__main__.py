"""`python -m tests.benchmarks --size demo|mid|full`: creme-nn, a plain forward pass and ours, side by side."""

import argparse

import torch

from tests.benchmarks import report
from tests.benchmarks.networks import SIZES


def main() -> None:
    """Print the comparison, then how the cost grows."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--size", choices=list(SIZES), default="demo")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads")
    parser.add_argument("--part", choices=["all", "compare", "growth"], default="all")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    print(report.machine(options.size, device, options.threads), flush=True)
    if options.part != "growth":
        for line in report.compare(options.size, device, options.threads):
            print(line, flush=True)
        print(report.compare_shuffles(), flush=True)
    if options.part != "compare":
        for line in report.grow(options.size, device):
            print(line, flush=True)


if __name__ == "__main__":
    main()
