"""Names of members of OpenAI's chat bodies that hold no text. How each is read, ``openai_read`` says."""

from __future__ import annotations

# Images, audio and files.
MEDIA = (
    "image_url",
    "input_audio",
    "file",
    "video_url",
    "audio_url",
    "input_image",
    "input_file",
    "image",
    "images",
    "image_embeds",
)

# Of a choice.
FACTS = (
    "finish_reason",
    "native_finish_reason",
    "stop_reason",
    "matched_stop",
    "logprobs",  # the same text again, token by token: see openai_shape.SHADOWS
    "token_ids",
    "content_filter_result",
    "content_filter_results",
    "content_filter_offsets",
    "content_filter_raw",
)

# Of a request.
SETTINGS = (
    "audio",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "modalities",
    "model",
    "moderation",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "top_logprobs",
    "top_p",
    "user",
    "user_security_context",
    "verbosity",
    "web_search_options",
)

# What says which answer a chunk belongs to.
ENVELOPE = ("id", "object", "created", "model", "system_fingerprint", "service_tier")

# What may stand beside the choices of an answer or a chunk, or in their place.
BESIDE = ("choices", "error", "usage", "prompt_filter_results", "prompt_annotations")
