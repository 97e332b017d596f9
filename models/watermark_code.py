"""How a watermark's 32 bits become a pattern, and back: first-order Reed–Muller code, checksum, interleaving, pilot.

Five bytes (four of message, one CRC-8) are each a codeword of the biorthogonal code RM(1, 7): 128 signs, of which any
two codewords differ in 64 or more, so that a codeword is recognised although a third of its signs are wrong. The 640
signs are strewn over a square tile of 32 × 32 cells; the other 384 cells, the pilot, are always the same and tell where
the tile lies. All of it is plain arithmetic that exports to ONNX, soft decisions included.

MacWilliams and Sloane, The Theory of Error-Correcting Codes (1977), chapters 13 and 14; CRC-8/SMBUS: x⁸ + x² + x + 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

TILE = 32  # cells on a side of the square that is repeated over the picture
MESSAGE = 4  # bytes
SYMBOLS = MESSAGE + 1  # with the checksum
LENGTH = 128  # signs of a codeword
SEED = 20191104  # of the interleaving: part of the format, as are the numbers of PCG64 and its `permutation`
CRC_POLYNOMIAL = 0x07


class Decoded(NamedTuple):
    """message: int64 [4], bytes. valid: bool [], whether the checksum fits. confidence: float [] 0..1, the mean cosine
    between the five codewords and what was read: about 0.25 for noise, 1 for an undisturbed mark."""

    message: Tensor
    valid: Tensor
    confidence: Tensor


def codebook() -> np.ndarray:
    """The 256 codewords of RM(1, 7), ±1: float32 [256, 128]. The byte's highest bit is the sign of a Hadamard row."""
    hadamard = np.ones((1, 1), np.float32)
    while len(hadamard) < LENGTH:
        hadamard = np.block([[hadamard, hadamard], [hadamard, -hadamard]])
    return np.concatenate([hadamard, -hadamard]).astype(np.float32)


def crc_matrix() -> np.ndarray:
    """CRC-8 as a linear map of bits: float32 [32, 8], to be taken modulo 2. Bits run from the lowest of a byte on."""
    rows = np.zeros((8 * MESSAGE, 8), np.float32)
    for index in range(8 * MESSAGE):
        message = bytearray(MESSAGE)
        message[index // 8] = 1 << (index % 8)
        rows[index] = [(crc8(bytes(message)) >> bit) & 1 for bit in range(8)]
    return rows


def crc8(message: bytes) -> int:
    """CRC-8 (polynomial 0x07, from 0) of some bytes."""
    crc = 0
    for byte in message:
        crc ^= byte
        for _ in range(8):
            crc = ((crc << 1) ^ CRC_POLYNOMIAL) & 0xFF if crc & 0x80 else crc << 1
    return crc


class WatermarkCode(nn.Module):
    """The code as a module without parameters."""

    def __init__(self) -> None:
        super().__init__()
        generator = np.random.Generator(np.random.PCG64(SEED))
        order = generator.permutation(TILE * TILE)
        signs = generator.integers(0, 2, TILE * TILE).astype(np.float32) * 2.0 - 1.0
        place = np.empty(TILE * TILE, np.int64)
        place[order] = np.arange(TILE * TILE)  # cell → its position among 640 signs and 384 pilot cells
        for name, value in (
            ("codewords", codebook()),
            ("crc", crc_matrix()),
            ("order", order[: SYMBOLS * LENGTH].astype(np.int64)),
            ("place", place),
            ("signs", signs),
            ("pilot", (signs * (place >= SYMBOLS * LENGTH)).reshape(TILE, TILE)),
        ):
            self.register_buffer(name, torch.from_numpy(value), persistent=False)

    def encode(self, message: Tensor) -> Tensor:
        """message int64 [B, 4], bytes → cells ±1 [B, 1, 32, 32]."""
        symbols = torch.cat([message, self.checksum(message)], 1)
        signs = self.get_buffer("codewords")[symbols].flatten(1)
        with_pilot = torch.cat([signs, torch.ones(signs.shape[0], TILE * TILE - SYMBOLS * LENGTH)], 1)
        return (with_pilot[:, self.get_buffer("place")] * self.get_buffer("signs")).reshape(-1, 1, TILE, TILE)

    def correlate(self, cells: Tensor) -> Tensor:
        """cells [B, 1, 32, 32], in place → how well every codeword fits, per symbol: [B, 5, 256]."""
        return self._upright(cells) @ self.get_buffer("codewords").T

    def _upright(self, cells: Tensor) -> Tensor:
        """The cells of the five codewords, in order, their interleaving signs taken off: [B, 5, 128]."""
        signs = cells.flatten(1) * self.get_buffer("signs")
        return signs[:, self.get_buffer("order")].reshape(-1, SYMBOLS, LENGTH)

    def decode(self, cells: Tensor) -> Decoded:
        """cells [1, 1, 32, 32] → the most likely message: every codeword by itself, by soft decision."""
        signs = self._upright(cells)[0]
        fit = signs @ self.get_buffer("codewords").T
        energy = signs.square().sum(1)
        best = fit.amax(1)
        symbols = fit.argmax(1)
        confidence = (best / (energy * LENGTH + 1e-12).sqrt()).mean()
        valid = (self.checksum(symbols[None, :MESSAGE])[0, 0] - symbols[MESSAGE]) == 0
        return Decoded(symbols[:MESSAGE], valid, confidence)

    def checksum(self, message: Tensor) -> Tensor:
        """The CRC-8 of messages: int64 [B, 4] → int64 [B, 1]."""
        powers = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0])
        halves = torch.floor(message.float().unsqueeze(-1) / powers)
        bits = (halves - 2.0 * torch.floor(halves * 0.5)).flatten(1)
        sums = bits @ self.get_buffer("crc")
        odd = sums - 2.0 * torch.floor(sums * 0.5)
        return (odd @ powers).round().long().unsqueeze(1)
