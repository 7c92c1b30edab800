# SPDX-License-Identifier: MIT
"""Networks of Hugging Face's transformers: export_transformers.py FOLDER [NAME]...

Small ones of each kind: recognition and synthesis of speech, codecs, understanding and
generation of text, with their caches.
"""

import contextlib
import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import torch
import transformers as hf
from case import MODELS, Call, main, model
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

# What a configuration has of these becomes that.
SMALL = {
    64: "hidden_size d_model n_embd dim embedding_size embedding_dim projection_dim",
    2: "num_hidden_layers n_layer n_layers encoder_layers decoder_layers num_layers"
    " num_decoder_layers num_key_value_heads eos_token_id",
    4: "num_attention_heads n_head n_heads encoder_attention_heads decoder_attention_heads"
    " num_heads",
    128: "intermediate_size d_ff encoder_ffn_dim decoder_ffn_dim hidden_dim d_inner n_inner"
    " ffn_dim max_position_embeddings n_positions n_ctx",
    16: "head_dim d_kv",
    200: "vocab_size",
    0: "pad_token_id",
    1: "bos_token_id decoder_start_token_id",
    8: "rotary_dim",
}
SPEECH = {
    "conv_dim": [32] * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "apply_spec_augment": False,
}


def shrink(config, **more):
    for value, names in SMALL.items():
        for name in names.split():
            has = hasattr(config, name)
            if has and (name.endswith("token_id") or isinstance(getattr(config, name), int)):
                with contextlib.suppress(NotImplementedError):
                    setattr(config, name, value)
    # One layer of each kind, where there are several.
    kinds = getattr(config, "layer_types", None)
    if kinds:
        config.layer_types = [kinds[0], next((k for k in kinds if k != kinds[0]), kinds[0])]
    for name, value in more.items():
        setattr(config, name, value)
    return config


def net_of(cls, config, attention="eager", gain=4):
    config._attn_implementation = attention
    net = cls._from_config(config)
    # Weights that do something.
    for weight in net.parameters():
        if weight.ndim > 1 and weight.std() < 0.05:
            weight.data *= gain
    return net


def config_of(kind):
    return shrink(hf.AutoConfig.for_model(kind))


def tokens(count, batch=1):
    return torch.randint(3, 190, (batch, count))


def padded(count, used):
    mask = torch.ones(2, count, dtype=torch.long)
    mask[1, used:] = 0
    return mask


#
# Understanding text
#


def encoder(kind, opset, attention="eager"):
    def make():
        config = config_of(kind)
        net = net_of(hf.MODEL_MAPPING[type(config)], config, attention)
        call = Call(net, lambda m, x, k: m(input_ids=x, attention_mask=k).last_hidden_state)
        return call, (tokens(16, 2), padded(16, 11))

    MODELS[f"{kind}_{attention}"] = (opset, make)


for kind in (
    "albert bert convbert deberta deberta-v2 electra flaubert ibert megatron-bert"
    " mobilebert mpnet nomic_bert rembert roformer splinter squeezebert xlm xlnet"
).split():
    encoder(kind, 16)
for kind in "albert bert camembert distilbert ernie eurobert mobilebert modernbert roberta".split():
    encoder(kind, 18, "sdpa")


#
# Generating it, a token at a time
#


def decoder(kind, opset):
    def make():
        config = config_of(kind)
        net = net_of(hf.MODEL_FOR_CAUSAL_LM_MAPPING[type(config)], config)
        heads = getattr(config, "num_key_value_heads", None) or 4

        def step(m, token, mask, *past):
            cache = DynamicCache()
            for i in range(2):
                cache.update(past[2 * i], past[2 * i + 1], i)
            out = m(input_ids=token, attention_mask=mask, past_key_values=cache, use_cache=True)
            return out.logits, *[t for layer in cache.layers for t in (layer.keys, layer.values)]

        past = [torch.randn(1, heads, 9, 16) for _ in range(4)]
        axes = {f"in{2 + i}": {2: "past"} for i in range(4)} | {"in1": {1: "all"}}
        return Call(net, step), (tokens(1), torch.ones(1, 10, dtype=torch.long), *past), axes

    MODELS[f"{kind}_step"] = (opset, make)


for kind in "bloom gemma gemma3_text gpt_neox gpt2 llama mistral opt qwen2 qwen3 smollm3".split():
    decoder(kind, 16)


def translator(kind, opset):
    def make():
        config = config_of(kind)
        config.decoder_start_token_id = 1
        net = net_of(hf.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING[type(config)], config)

        def call(m, x, y):
            return m(input_ids=x, decoder_input_ids=y, use_cache=False).logits

        return Call(net, call), (tokens(12), tokens(6))

    MODELS[kind] = (opset, make)


for kind in "bart blenderbot longt5 m2m_100 marian mbart mvp pegasus switch_transformers t5".split():
    translator(kind, 16)


#
# Recognising speech
#


def recogniser(kind, opset, how="", **more):
    def make():
        config = shrink(hf.AutoConfig.for_model(kind), **more)
        for name, value in SPEECH.items():
            setattr(config, name, value[: len(config.conv_kernel)] if name == "conv_dim" else value)
        config.conv_dim = [32] * len(config.conv_kernel)
        config.num_feat_extract_layers = len(config.conv_kernel)
        net = net_of(hf.MODEL_MAPPING[type(config)], config)
        if how == "padded":
            call = Call(net, lambda m, x, k: m(x, attention_mask=k).last_hidden_state)
            return call, (torch.randn(2, 4000), padded(4000, 3000))
        call = Call(net, lambda m, x: m(x).last_hidden_state)
        return call, (torch.randn(1, 4000),), {"in0": {1: "samples"}} if how == "any" else None

    MODELS[f"{kind}_{how}" if how else kind] = (opset, make)


for kind in "data2vec-audio hubert sew sew-d unispeech unispeech-sat wav2vec2 wavlm".split():
    recogniser(kind, 16)
recogniser("wav2vec2", 14, "padded")
recogniser("wav2vec2", 14, "any")
recogniser("wav2vec2-conformer", 17, "padded")
recogniser("wav2vec2-conformer", 14, position_embeddings_type="rotary")


def whisper(attention="eager"):
    config = hf.WhisperConfig(max_source_positions=100, max_target_positions=64)
    return net_of(hf.WhisperForConditionalGeneration, shrink(config), attention)


@model(14)
def whisper_encoder():
    call = Call(whisper("sdpa").model.encoder, lambda m, x: m(x).last_hidden_state)
    return call, (torch.randn(1, 80, 200),)


@model(16)
def whisper_step():
    def step(m, token, heard, *past):
        own, cross = DynamicCache(), DynamicCache()
        for i in range(2):
            own.update(past[4 * i], past[4 * i + 1], i)
            cross.update(past[4 * i + 2], past[4 * i + 3], i)
        cache = EncoderDecoderCache(own, cross)
        cache.is_updated = {0: True, 1: True}
        out = m(
            encoder_outputs=(heard,),
            decoder_input_ids=token,
            past_key_values=cache,
            use_cache=True,
        )
        return out.logits, *[t for layer in own.layers for t in (layer.keys, layer.values)]

    past = [torch.randn(1, 4, n, 16) for n in (9, 9, 100, 100) * 2]
    axes = {f"in{2 + 4 * i + k}": {2: "past"} for i in range(2) for k in range(2)}
    return Call(whisper(), step), (tokens(1), torch.randn(1, 100, 64), *past), axes


@model(17)
def speech_to_text():
    config = hf.Speech2TextConfig(max_source_positions=200, max_target_positions=64)
    net = net_of(hf.Speech2TextForConditionalGeneration, shrink(config, conv_channels=64))

    def call(m, x, k, y):
        return m(input_features=x, attention_mask=k, decoder_input_ids=y, use_cache=False).logits

    return Call(net, call), (torch.randn(2, 120, 80), padded(120, 80), tokens(7, 2))


@model(17)
def wav2vec2_bert():
    config = shrink(hf.Wav2Vec2BertConfig(feature_projection_input_dim=40))
    config.apply_spec_augment = False
    net = net_of(hf.Wav2Vec2BertModel, config)
    call = Call(net, lambda m, x, k: m(x, attention_mask=k).last_hidden_state)
    return call, (torch.randn(2, 60, 40), padded(60, 41))


@model(17)
def parakeet():
    inner = {
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "num_mel_bins": 80,
        "subsampling_conv_channels": 32,
    }
    config = hf.ParakeetCTCConfig(vocab_size=100, encoder_config=inner)
    call = Call(net_of(hf.ParakeetForCTC, config), lambda m, x, k: m(x, attention_mask=k).logits)
    return call, (torch.randn(2, 100, 80), padded(100, 100))


@model(17)
def audio_spectrogram_transformer():
    config = shrink(hf.ASTConfig(), max_length=100, num_mel_bins=64)
    call = Call(net_of(hf.ASTForAudioClassification, config), lambda m, x: m(x).logits)
    return call, (torch.randn(1, 100, 64),)


@model(17)
def speaker_vector():
    config = shrink(hf.Wav2Vec2Config(tdnn_dim=[32] * 5, xvector_output_dim=16), **SPEECH)
    call = Call(net_of(hf.Wav2Vec2ForXVector, config), lambda m, x: m(x).embeddings)
    return call, (torch.randn(1, 8000),)


#
# Making speech
#


def vits(**more):
    config = shrink(
        hf.VitsConfig(),
        flow_size=64,
        prior_encoder_num_flows=2,
        posterior_encoder_num_wavenet_layers=2,
        prior_encoder_num_wavenet_layers=2,
        spectrogram_bins=65,
        duration_predictor_filter_channels=64,
        upsample_initial_channel=256,
        # Nothing by chance.
        noise_scale=0.0,
        noise_scale_duration=0.0,
        **more,
    )
    return net_of(hf.VitsModel, config, gain=1)


@model(16)
def vits_speech():
    # Which lasts as long as the text takes. Of three dimensions: it is no classifier's result.
    call = Call(vits(speaking_rate=0.25), lambda m, x: m(x).waveform[:, None])
    return call, (torch.randint(3, 37, (1, 15)),), {"in0": {1: "sounds"}}


@model(17)
def vits_speech_without_flow():
    net = vits(use_stochastic_duration_prediction=False)
    call = Call(net, lambda m, x: m(x).waveform[:, None])
    return call, (torch.randint(3, 37, (1, 15)),)


@model(16)
def fastspeech2():
    sizes = {"hidden_size": 64, "vocab_size": 80, "encoder_layers": 2, "decoder_layers": 2}
    for part in ("encoder", "decoder"):
        sizes |= {f"{part}_num_attention_heads": 2, f"{part}_linear_units": 512}
    net = net_of(hf.FastSpeech2ConformerModel, hf.FastSpeech2ConformerConfig(**sizes), gain=1)
    net.duration_predictor.linear.bias.data.fill_(1.8)
    return Call(net, lambda m, x: m(input_ids=x).spectrogram), (torch.randint(3, 80, (1, 40)),)


def speecht5():
    config = shrink(hf.SpeechT5Config(), **SPEECH)
    config.max_speech_positions, config.max_text_positions = 200, 100
    config.speech_decoder_prenet_units = config.speech_decoder_postnet_units = 32
    config.speaker_embedding_dim, config.encoder_max_relative_position = 32, 20
    config.speech_decoder_prenet_dropout = 0.0
    return config


@model(16)
def speecht5_text_encoder():
    net = net_of(hf.SpeechT5ForTextToSpeech, speecht5()).speecht5.encoder
    call = Call(net, lambda m, x: m(x).last_hidden_state)
    return call, (torch.randint(3, 80, (1, 13)),), {"in0": {1: "sounds"}}


@model(16)
def speecht5_speech_decoder():
    def call(m, text, mel, speaker):
        out = m.speecht5.decoder(
            input_values=mel,
            encoder_hidden_states=text,
            speaker_embeddings=speaker,
            use_cache=False,
        )
        return m.speech_decoder_postnet(out.last_hidden_state)

    net = net_of(hf.SpeechT5ForTextToSpeech, speecht5())
    return Call(net, call), (torch.randn(1, 13, 64), torch.randn(1, 8, 80), torch.randn(1, 32))


@model(16)
def speecht5_vocoder():
    config = hf.SpeechT5HifiGanConfig(upsample_initial_channel=64)
    return net_of(hf.SpeechT5HifiGan, config), (torch.randn(1, 20, 80),), {"in0": {1: "frames"}}


#
# Codecs
#


def encodec():
    config = hf.EncodecConfig(
        num_filters=8, hidden_size=32, codebook_dim=32, codebook_size=64, num_lstm_layers=1
    )
    return net_of(hf.EncodecModel, config, gain=1)


@model(16)
def encodec_encoder():
    return encodec().encoder, (torch.randn(1, 1, 3200),), {"in0": {2: "samples"}}


@model(16)
def encodec_decoder():
    call = Call(encodec(), lambda m, x: m.decoder(m.quantizer.decode(x)))
    return call, (torch.randint(0, 64, (8, 1, 10)),)


@model(16)
def dac_decoder():
    config = hf.DacConfig(
        encoder_hidden_size=8,
        decoder_hidden_size=64,
        hidden_size=32,
        codebook_size=64,
        n_codebooks=3,
        downsampling_ratios=[2, 4, 4],
        upsampling_ratios=[4, 4, 2],
    )
    net = net_of(hf.DacModel, config, gain=1)
    return Call(net, lambda m, x: m.decode(audio_codes=x).audio_values), (
        torch.randint(0, 64, (1, 3, 20)),
    )


if __name__ == "__main__":
    main()
