"""What can be downloaded: names, addresses, sizes, checksums, licences, and what each is for.

Sizes and checksums here are those the sources publish. Where a file has none, `about` says how large it should be, and
the size, the checksum or both are asked for when it is fetched (Hugging Face, GENCODE's MD5SUMS).
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

__all__ = ["CATALOGUE", "PUBLISHED_COMMIT", "Download", "RemoteFile"]

HUB = "https://huggingface.co"
UCSC = "https://hgdownload.soe.ucsc.edu/goldenPath/hg38"
GENCODE = "https://ftp.ebi.ac.uk/pub/databases/gencode/Gencode_human"
RAW = "https://raw.githubusercontent.com"
PUBLISHED_COMMIT = "02f0acac13a38dbe635092487f480009ecaf4fd3"
PUBLISHED_FILES = Path(__file__).with_name("published_files.tsv")


@dataclass(frozen=True)
class RemoteFile:
    """One file at its source.

    Attributes:
        url: public address; for Hugging Face that of the newest revision, replaced by a fixed one when it is fetched.
        name: path relative to the download's folder, with slashes.
        size: bytes, where known beforehand.
        checksum: "md5:", "sha256:" or "git:" (blob id: SHA-1 over `blob SIZE NUL` and the content) and hex digits.
        content: json, text, gzip, twobit, safetensors or torch (see `verify`).
        about: bytes, roughly, where `size` is not known.
        lines: number of lines, header included, of a text whose source publishes no checksum.
        checksum_list: address of the source's own list of MD5 sums, "SUM  NAME" a line.
        on_hub: whether Hugging Face serves it, which says size, checksum and revision in its headers.
    """

    url: str
    name: str
    size: int | None = None
    checksum: str | None = None
    content: str = "text"
    about: int | None = None
    lines: int | None = None
    checksum_list: str | None = None
    on_hub: bool = False


@dataclass(frozen=True)
class Download:
    """Files that belong together.

    Attributes:
        name: what the command line and the page call it.
        title, purpose, licence: for people; the purpose is a sentence.
        files: what it consists of.
        about: bytes in all, roughly, where single files have no size.
        note: what of the above is taken on trust and may turn out different; "" when nothing.
    """

    name: str
    title: str
    purpose: str
    licence: str
    files: tuple[RemoteFile, ...]
    about: int | None = None
    note: str = ""

    @cached_property
    def size(self) -> int | None:
        """Bytes in all: exact where `is_exact`, else roughly; None when not even that is known."""
        sizes = [file.size if file.size is not None else file.about for file in self.files]
        return self.about if None in sizes else sum(sizes)

    @property
    def is_exact(self) -> bool:
        """Whether `size` is the sum of published sizes."""
        return all(file.size is not None for file in self.files)


def _hub(name: str, title: str, repository: str, weights: str, about: int, licence: str, purpose: str) -> Download:
    content = "safetensors" if weights.endswith(".safetensors") else "torch"
    base = f"{HUB}/{repository}/resolve/main"
    files = (
        RemoteFile(f"{base}/config.json", "config.json", content="json", about=500, on_hub=True),
        RemoteFile(f"{base}/{weights}", weights, content=content, about=about, on_hub=True),
    )
    return Download(name, title, purpose, licence, files)


def _gencode(name: str, release: int, purpose: str) -> Download:
    folder, file = f"{GENCODE}/release_{release}", f"gencode.v{release}.basic.annotation.gtf.gz"
    return Download(
        name,
        f"GENCODE {release}, basic annotation",
        purpose,
        "free (EMBL-EBI terms of use)",
        (RemoteFile(f"{folder}/{file}", file, content="gzip", about=28_000_000, checksum_list=f"{folder}/MD5SUMS"),),
        note="The size is from memory (UNVERIFIED).",
    )


def _published() -> Download:
    rows = [line.split("\t") for line in PUBLISHED_FILES.read_text(encoding="utf-8").splitlines()[1:]]
    base = f"{RAW}/p-koo/creme-nn/{PUBLISHED_COMMIT}"
    return Download(
        "published",
        "Published CREME results",
        "The paper's own results for 1,461 pairs of gene and cell line.",
        "MIT",
        tuple(RemoteFile(f"{base}/{quote(path)}", path, checksum=f"git:{blob}") for blob, path in rows),
        about=15_000_000,
    )


def _all() -> list[Download]:
    enformer = _hub(
        "enformer",
        "Enformer weights",
        "EleutherAI/enformer-official-rough",
        "pytorch_model.bin",
        1_005_000_000,
        "CC-BY-4.0",
        "The model of the paper, with windows of 196,608 bp.",
    )
    borzoi = [
        _hub(
            f"borzoi-{replicate}",
            f"Borzoi weights, replicate {replicate}",
            f"johahi/borzoi-replicate-{replicate}",
            "model.safetensors",
            744_000_000,
            "CC-BY-4.0",
            "One of Borzoi's four replicates, with windows of 524,288 bp.",
        )
        for replicate in range(4)
    ]
    flashzoi = [
        _hub(
            f"flashzoi-{replicate}",
            f"Flashzoi weights, replicate {replicate}",
            f"johahi/flashzoi-replicate-{replicate}",
            "model.safetensors",
            788_000_000,
            "MIT",
            "One of four replicates of a faster Borzoi; needs flash-attn and a CUDA GPU.",
        )
        for replicate in range(4)
    ]
    enformer_tracks = RemoteFile(
        f"{RAW}/calico/basenji/master/manuscripts/cross2020/targets_human.txt",
        "targets_human.txt",
        about=700_000,
        lines=5_314,
    )
    borzoi_tracks = RemoteFile(
        f"{RAW}/calico/borzoi/main/examples/targets_human.txt",
        "targets_human.txt",
        size=1_215_560,
        checksum="git:b2fedc9c155fce1f991c06d2fce9e64bff22f97c",
    )
    hg38 = RemoteFile(
        f"{UCSC}/bigZips/hg38.2bit",
        "hg38.2bit",
        size=835_393_456,
        checksum="md5:dcc3ea27079aa6dc3f9deccd7275e0f8",
        content="twobit",
    )
    ccres = RemoteFile("https://downloads.wenglab.org/Registry-V4/GRCh38-cCREs.bed", "GRCh38-cCREs.bed")
    rmsk = RemoteFile(f"{UCSC}/database/rmsk.txt.gz", "rmsk.txt.gz", content="gzip", about=165_000_000)
    return [
        enformer,
        Download(
            "enformer-tracks",
            "Enformer track table",
            "What each of Enformer's 5,313 human tracks is.",
            "Apache-2.0",
            (enformer_tracks,),
            note="The source publishes no checksum: the number of lines and the form are checked.",
        ),
        *borzoi,
        *flashzoi,
        Download(
            "borzoi-tracks",
            "Borzoi track table",
            "What each of Borzoi's 7,611 human tracks is, and how it was scaled.",
            "Apache-2.0",
            (borzoi_tracks,),
        ),
        Download(
            "hg38",
            "Human genome GRCh38",
            "The sequence of every window without a connection.",
            "free for any use (UCSC)",
            (hg38,),
        ),
        _gencode("gencode", 44, "Genes and TSSs, the release of the paper."),
        _gencode("gencode-50", 50, "Genes and TSSs, a newer release (of 2026)."),
        _published(),
        Download(
            "ccres",
            "ENCODE candidate cis-regulatory elements, V4",
            "Known enhancers and promoters to lay beside the tiles.",
            "free for any use (ENCODE)",
            (ccres,),
            about=129_000_000,
            note="The source publishes no checksum: the form is checked. The size is that of 2025 (UNVERIFIED).",
        ),
        Download(
            "rmsk",
            "RepeatMasker annotation",
            "Repeats to lay beside the tiles.",
            "free for any use (UCSC)",
            (rmsk,),
            note="The size is from memory (UNVERIFIED); the file's own CRC is checked.",
        ),
    ]


CATALOGUE: dict[str, Download] = {download.name: download for download in _all()}
