"""Folders like those of shipped models, tiny and with random weights; made without torch."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from safety.models.card import CARD, CHEAP, LOWER, TOKENIZER, UPPER, Card, Exit, Scale
from safety.models.cheap import PAIRS, Cheap
from safety.models.heads import HARM, HEADS
from safety.models.verifier_card import PAIRS as VERIFIER
from safety.models.verifier_card import VerifierCard
from safety.training.export import export, export_pairs

WIDTH, INNER, LAYERS, EARLY, ATTENTION, SIZE, HIDDEN = 32, 64, 2, 1, 4, 4, 5
OUTPUTS = len(HEADS) + len(HARM)
WORDS = ("[PAD]", *(f"[unused{n}]" for n in range(99)), "[UNK]", "[CLS]", "[SEP]", "[MASK]")
WORDS += ("egg", "boil", "river", "walk", "rules", "ignore", "evil", "the", "a", ".", "x", "##x", "lunch")


def words_of(text: str) -> list[int]:
    """The ids of known words."""
    return [WORDS.index(word) for word in text.split()]


def state(seed: int = 0) -> dict[str, np.ndarray]:
    """The weights of a network, as ``Network.state_dict`` names them."""
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "encoder.embeddings.word_embeddings.weight": (len(WORDS), WIDTH),
        "encoder.embeddings.position_embeddings.weight": (512, WIDTH),
        "encoder.embeddings.token_type_embeddings.weight": (2, WIDTH),
        "encoder.embeddings.LayerNorm.weight": (WIDTH,),
        "encoder.embeddings.LayerNorm.bias": (WIDTH,),
        "heads.weight": (OUTPUTS, 2 * WIDTH),
        "heads.bias": (OUTPUTS,),
        "early.0.weight": (HIDDEN, 2 * WIDTH),
        "early.0.bias": (HIDDEN,),
        "early.2.weight": (len(HEADS), HIDDEN),
        "early.2.bias": (len(HEADS),),
    }
    for number in range(LAYERS):
        own = f"encoder.encoder.layer.{number}."
        for name, wide, tall in (
            ("attention.self.query", WIDTH, WIDTH),
            ("attention.self.key", WIDTH, WIDTH),
            ("attention.self.value", WIDTH, WIDTH),
            ("attention.output.dense", WIDTH, WIDTH),
            ("intermediate.dense", WIDTH, INNER),
            ("output.dense", INNER, WIDTH),
        ):
            shapes[f"{own}{name}.weight"], shapes[f"{own}{name}.bias"] = (tall, wide), (tall,)
        for name in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes[f"{own}{name}.weight"] = shapes[f"{own}{name}.bias"] = (WIDTH,)
    return {
        name: (rng.normal(0, 0.3, shape) + name.endswith("LayerNorm.weight")).astype(np.float32)
        for name, shape in shapes.items()
    }


def cheap(decides: str = "evil") -> Cheap:
    """A cheap model for which one word decides: its logits are 9 with it, -9 without, for every head."""
    words = np.zeros((len(WORDS), SIZE), np.int8)
    words[WORDS.index(decides), 0] = 100
    inner = np.zeros((1 + 2 * SIZE, HIDDEN), np.float32)
    inner[1 + SIZE, 0] = 1  # the maximum of the first dimension
    outer = np.zeros((HIDDEN, len(HEADS)), np.float32)
    outer[0] = 18
    return Cheap(
        words,
        np.zeros((PAIRS, SIZE), np.int8),
        np.array([0.01, 0.01], np.float32),
        inner,
        np.zeros(HIDDEN, np.float32),
        outer,
        np.full(len(HEADS), -9, np.float32),
    )


def tokenizer() -> Tokenizer:
    """Words of the list, in lower case; the rest is unknown."""
    made = Tokenizer(models.WordPiece({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    ends = [(word, WORDS.index(word)) for word in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return made


def graphs(place: Path, *, quantised: bool = True) -> tuple[bytes, bytes]:
    """Of the encoder's first layers and of the others, written to ``place``."""
    lower, upper = place / LOWER, place / UPPER
    export(state(), lower, upper, heads=ATTENTION, early=EARLY, quantised=quantised)
    return lower.read_bytes(), upper.read_bytes()


def folder(place: Path, *, exits: dict[str, Exit] | None = None, window: int = 20, overlap: int = 5) -> Path:
    """Write the files; ``exits`` of the cheap model by head, never by default."""
    place.mkdir(parents=True, exist_ok=True)
    graphs(place)
    tokenizer().save(str(place / TOKENIZER))
    (place / CHEAP).write_bytes(cheap().to_bytes())
    names = (LOWER, UPPER, TOKENIZER, CHEAP)
    files = {name: sha256((place / name).read_bytes()).hexdigest() for name in names}
    scales = {head: Scale(0.1, 0.5) for head in HEADS}
    card = Card("tiny", "7", HEADS, window, overlap, scales, {"cheap": exits or {}}, files)
    (place / CARD).write_text(card.to_json(), encoding="utf-8")
    return place


def pair_state(words: int = len(WORDS)) -> dict[str, np.ndarray]:
    """The weights of a verifier's network of so many ``words``, as ``PairNetwork.state_dict`` names them."""
    made = state(seed=1)
    rng = np.random.default_rng(2)
    made["encoder.embeddings.word_embeddings.weight"] = rng.normal(0, 0.3, (words, WIDTH))
    for name, shape in (("heads", (2, 3 * WIDTH)), ("words", (1, WIDTH))):
        made[f"{name}.weight"], made[f"{name}.bias"] = rng.normal(0, 0.3, shape), np.zeros(shape[0])
    return {name: values.astype(np.float32) for name, values in made.items()}


def spotting(word: str = "evil") -> dict[str, np.ndarray]:
    """Weights with which a claim is not borne out when ``word`` is in it, and it is the word that is not:
    log-odds of about 7, and -4 of any other claim or word. No token sees another."""
    made = {name: np.zeros_like(values) for name, values in pair_state().items()}
    for name, values in made.items():
        values += name.endswith("LayerNorm.weight")
    made["encoder.embeddings.word_embeddings.weight"][WORDS.index(word), 0] = 10
    made["heads.weight"][0, 2 * WIDTH] = made["words.weight"][0, 0] = 2
    made["heads.bias"][:] = made["words.bias"][:] = -4
    return made


def verifier_folder(
    place: Path, weights: dict[str, np.ndarray] | None = None, *, quantised: bool = True, window: int = 256
) -> Path:
    """Write the files of a verifier."""
    place.mkdir(parents=True, exist_ok=True)
    given = pair_state() if weights is None else weights
    export_pairs(given, place / VERIFIER, heads=ATTENTION, window=window, quantised=quantised)
    tokenizer().save(str(place / TOKENIZER))
    files = {name: sha256((place / name).read_bytes()).hexdigest() for name in (VERIFIER, TOKENIZER)}
    card = VerifierCard("tiny", "7", window, files=files)
    (place / CARD).write_text(card.to_json(), encoding="utf-8")
    return place
