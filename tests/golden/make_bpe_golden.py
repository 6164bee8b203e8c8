"""Golden numbers of the byte-pair vocabulary: merges and tokens of a slow, separate statement of the algorithm.

    python make_bpe_golden.py bpe.json

Words are taken apart by regular expressions, every merge counts all pairs of all words anew, and a word is encoded by going
through all merges in the order learned. Hugging Face's `tokenizers` must find the same merges in these words and the same
tokens of others: that is checked here, over bytes read as Latin-1, so that its first 256 ids are the bytes as well.

The captions are drawn from an integer hash, as tests/models/text/drawn_captions.h states it too.
"""

import collections
import json
import re
import sys

import tokenizers

BLANKS = re.compile(rb"[ \t\n\v\f\r]+")
WORD = re.compile(rb" ?(?:[a-z\x80-\xff]+|[0-9]+|[^ a-z0-9\x80-\xff]+)")
MAX_WORD = 64
ALPHABETS = [b"0123456789", b"-'.,!/&", b"\xc3\xa9\xdf", b"ab", b"Eaton", b"etaoinshrdlu", b"shirt", b"black"]


def hash32(x):
    x &= 0xFFFFFFFF
    x = (x ^ (x >> 16)) * 0x7FEB352D & 0xFFFFFFFF
    x = (x ^ (x >> 15)) * 0x846CA68B & 0xFFFFFFFF
    return x ^ (x >> 16)


def drawn(stream, number):
    return hash32(hash32(stream) + number)


def drawn_word(word):
    alphabet = ALPHABETS[word % 8]
    length = (1 + drawn(word, 0) % 9) * (20 if word % 16 == 3 else 1)
    return bytes(alphabet[drawn(word, 1 + i) % len(alphabet)] for i in range(length))


def drawn_caption(caption):
    stream = 1_000_000 + caption
    text = b""
    for i in range(drawn(stream, 0) % 9):
        word = drawn(stream, 3 * i + 1) % (1 + drawn(stream, 3 * i + 2) % 400)
        text += [b" ", b"  ", b"", b"\t"][drawn(stream, 3 * i + 3) % 4] + drawn_word(word)
    return text


def words_of(caption):
    normalised = BLANKS.sub(b" ", caption).strip(b" ").lower()
    words = WORD.findall(normalised)
    assert b"".join(words) == normalised
    return [word[i : i + MAX_WORD] for word in words for i in range(0, len(word), MAX_WORD)]


def merged(tokens, pair, made):
    result = []
    while tokens:
        found = tuple(tokens[:2]) == pair
        result.append(made if found else tokens[0])
        tokens = tokens[2:] if found else tokens[1:]
    return result


def train(words, size):
    table = [(list(word), count) for word, count in collections.Counter(words).items()]
    merges = []
    while 256 + len(merges) < size:
        pairs = collections.Counter()
        for tokens, count in table:
            for pair in zip(tokens, tokens[1:]):
                pairs[pair] += count
        best = min(pairs, key=lambda pair: (-pairs[pair], pair), default=None)
        if best is None or pairs[best] < 2:
            break
        table = [(merged(tokens, best, 256 + len(merges)), count) for tokens, count in table]
        merges.append(best)
    return merges


def encode(caption, merges):
    ids = []
    for word in words_of(caption):
        tokens = list(word)
        for number, pair in enumerate(merges):
            tokens = merged(tokens, pair, 256 + number)
        ids += tokens
    return ids


def check_against_tokenizers(words, merges, size, held_out):
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE())
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=size, min_frequency=2, show_progress=False,
                                             initial_alphabet=[chr(byte) for byte in range(256)])
    theirs.train_from_iterator([word.decode("latin-1") for word in words], trainer)
    model = json.loads(theirs.to_str())["model"]
    ids = model["vocab"]
    assert [ids[chr(byte)] for byte in range(256)] == list(range(256))
    assert [(ids[a], ids[b]) for a, b in model["merges"]] == merges, "other merges"
    for caption in held_out:
        tokens = [id for word in words_of(caption) for id in theirs.encode(word.decode("latin-1")).ids]
        assert tokens == encode(caption, merges), caption
    print(f"tokenizers {tokenizers.__version__}: the same {len(merges)} merges, the same tokens of {len(held_out)} captions")


def main(path):
    result = []
    for captions, size in ((600, 900), (40, 65536)):
        words = [word for number in range(captions) for word in words_of(drawn_caption(number))]
        held_out = [drawn_caption(number) for number in range(10_000, 10_030)]
        merges = train(words, size)
        check_against_tokenizers(words, merges, size, held_out)
        encoded = [encode(caption, merges) for caption in held_out]
        result.append({"captions": captions, "size": size, "merges": merges, "first_held_out": 10_000, "tokens": encoded})
    with open(path, "w", encoding="ascii") as file:
        file.write("[\n" + ",\n".join(json.dumps(case, separators=(",", ":")) for case in result) + "\n]\n")


if __name__ == "__main__":
    main(sys.argv[1])
