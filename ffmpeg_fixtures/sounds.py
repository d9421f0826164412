"""Sounds for ffmpeg's `aevalsrc`: expressions of the time `t` in seconds with values between -1 and 1."""

from __future__ import annotations

from collections.abc import Sequence


def pad(hertz: Sequence[float], swell_s: float, volume: float = 0.3) -> str:
    """A chord that swells and ebbs."""
    tones = "+".join(f"sin(2*PI*{tone}*t)" for tone in hertz)
    return f"{volume / len(hertz):.3f}*({tones})*(0.65-0.35*cos(2*PI*t/{swell_s}))"


def melody(base_hertz: float, semitones: Sequence[int], step_s: float, decay: float = 6.0, volume: float = 0.3) -> str:
    """Plucked notes in a loop; `semitones` are their distances above the base."""
    semitone = "+".join(f"{note}*eq(ld(0),{index})" for index, note in enumerate(semitones))
    return (
        f"{volume}*(st(0,mod(floor(t/{step_s}),{len(semitones)}))*0"
        f"+sin(2*PI*{base_hertz}*pow(2,({semitone})/12)*mod(t,{step_s}))*exp(-{decay}*mod(t,{step_s})))"
    )


def pulse(hertz: float, step_s: float, volume: float = 0.4) -> str:
    """A drum: a tone that falls as it fades."""
    return f"{volume}*sin(2*PI*{hertz}*(1-exp(-12*mod(t,{step_s})))/6)*exp(-9*mod(t,{step_s}))"


def surf(swell_s: float, volume: float = 0.8) -> str:
    """Noise that comes and goes like waves on a beach."""
    return f"{volume}*(random(1)-0.5)*pow(0.5-0.5*cos(2*PI*t/{swell_s}),2)"


def together(*sounds: str) -> str:
    return "+".join(sounds)
