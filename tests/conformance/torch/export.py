# SPDX-License-Identifier: MIT
"""Networks of torchaudio and torchvision: export.py FOLDER [NAME]..."""

import torch
import torchaudio.models as audio
import torchvision.models as vision
from case import MODELS, Call, main, model
from torchaudio.models.rnnt import emformer_rnnt_model


def lengths(*values):
    return torch.tensor(values, dtype=torch.int32)


def wav2vec2(mode, norm_first):
    return audio.wav2vec2_model(
        extractor_mode=mode,
        extractor_conv_layer_config=[(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512, 2, 2)] * 2,
        extractor_conv_bias=False,
        encoder_embed_dim=256,
        encoder_projection_dropout=0.1,
        encoder_pos_conv_kernel=128,
        encoder_pos_conv_groups=16,
        encoder_num_layers=2,
        encoder_num_heads=4,
        encoder_attention_dropout=0.1,
        encoder_ff_interm_features=1024,
        encoder_ff_interm_dropout=0.1,
        encoder_dropout=0.1,
        encoder_layer_norm_first=norm_first,
        encoder_layer_drop=0.1,
        aux_num_out=32,
    )


@model(13)
def wav2vec2_group_norm():
    return Call(wav2vec2("group_norm", False), lambda m, x: m(x)[0]), (torch.randn(1, 16000),)


@model(17)
def wav2vec2_layer_norm():
    return Call(wav2vec2("layer_norm", True), lambda m, x: m(x)[0]), (torch.randn(1, 16000),)


@model(14)
def wav2vec2_any_length():
    return *wav2vec2_group_norm(), {"in0": {1: "samples"}}


@model(13)
def conformer():
    return audio.Conformer(80, 4, 144, 2, 31), (torch.randn(2, 100, 80), lengths(100, 80))


@model(16)
def conformer_convolution_first():
    net = audio.Conformer(80, 4, 144, 2, 31, convolution_first=True, use_group_norm=True)
    return net, (torch.randn(1, 100, 80), lengths(100))


@model(13)
def emformer():
    net = audio.Emformer(80, 4, 256, 2, 16, 0.0, "relu", 30, 4, 4)
    return net, (torch.randn(1, 68, 80), lengths(64))


@model(13)
def emformer_streaming():
    net = audio.Emformer(80, 4, 256, 2, 16, 0.0, "relu", 30, 4, 4)
    past = [torch.randn(4, 1, 80), torch.randn(30, 1, 80), torch.randn(30, 1, 80)]
    state = past + [torch.full((1, 1), 30, dtype=torch.int32)]

    def infer(m, x, n, *s):
        y, n, s = m.infer(x, n, [list(s[:4]), list(s[4:])])
        return y, n, *s[0], *s[1]

    return Call(net, infer), (torch.randn(1, 20, 80), lengths(20), *state, *state)


def transducer():
    return emformer_rnnt_model(
        input_dim=80,
        encoding_dim=256,
        num_symbols=64,
        segment_length=16,
        right_context_length=4,
        time_reduction_input_dim=64,
        time_reduction_stride=4,
        transformer_num_heads=4,
        transformer_ffn_dim=512,
        transformer_num_layers=3,
        transformer_dropout=0.1,
        transformer_activation="gelu",
        transformer_left_context_length=30,
        transformer_max_memory_size=0,
        transformer_weight_init_scale_strategy="depthwise",
        transformer_tanh_on_mem=True,
        symbol_embedding_dim=128,
        num_lstm_layers=2,
        lstm_layer_norm=True,
        lstm_layer_norm_epsilon=1e-3,
        lstm_dropout=0.1,
    )


@model(13)
def transducer_predictor():
    net = Call(transducer().predictor, lambda m, t, n: m(t, n, None)[:2])
    return net, (torch.randint(0, 63, (1, 10)), lengths(10))


@model(13)
def transducer_joiner():
    of = (torch.randn(1, 6, 256), lengths(6), torch.randn(1, 5, 256), lengths(5))
    return transducer().joiner, of


@model(11)
def deepspeech():
    return audio.DeepSpeech(80, n_hidden=512, n_class=40), (torch.randn(1, 1, 100, 80),)


@model(9)
def wav2letter():
    return audio.Wav2Letter(40, "mfcc", 13), (torch.randn(1, 13, 200),)


@model(13)
def conv_tasnet():
    net = audio.ConvTasNet(2, 16, 128, 3, 64, 128, 4, 2)
    return net, (torch.randn(1, 1, 16000),)


@model(12)
def conv_tasnet_relu():
    net = audio.ConvTasNet(1, 16, 128, 3, 64, 128, 4, 1, "relu")
    return net, (torch.randn(2, 1, 8001),)


@model(13)
def tacotron2_encoder():
    net = audio.Tacotron2(n_mels=80, symbol_embedding_dim=128, encoder_embedding_dim=128)
    encode = Call(net, lambda m, t, n: m.encoder(m.embedding(t).transpose(1, 2), n))
    return encode, (torch.randint(0, 40, (1, 30)), torch.tensor([30]))


@model(13)
def tacotron2_step():
    net = audio.Tacotron2(
        n_mels=80,
        symbol_embedding_dim=128,
        encoder_embedding_dim=128,
        attention_rnn_dim=256,
        decoder_rnn_dim=256,
        prenet_dim=64,
    ).decoder
    # Without its first layers, which drop out at random even now.
    step = Call(net, lambda m, *args: m.decode(*args))
    states = [torch.randn(1, 256) for _ in range(4)]
    weights = [torch.rand(1, 30), torch.rand(1, 30), torch.randn(1, 128)]
    memory = [torch.randn(1, 30, 128), torch.randn(1, 30, 128)]
    mask = torch.zeros(1, 30, dtype=torch.bool)
    return step, (torch.randn(1, 64), *states, *weights, *memory, mask)


@model(13)
def tacotron2_postnet():
    return audio.Tacotron2(n_mels=80).postnet, (torch.randn(1, 80, 60),)


@model(14)
def vit():
    return vision.VisionTransformer(64, 16, 2, 4, 64, 128), (torch.randn(1, 3, 64, 64),)


@model(13)
def r3d_18():
    return vision.video.r3d_18(num_classes=10), (torch.randn(1, 3, 8, 56, 56),)


def classifier(name, opset, side, **options):
    def make():
        return getattr(vision, name)(**options), (torch.randn(1, 3, side, side),)

    MODELS[name] = (opset, make)


def segmenter(name, opset):
    def make():
        net = getattr(vision.segmentation, name)(weights_backbone=None)
        return Call(net, lambda m, x: m(x)["out"]), (torch.randn(1, 3, 96, 96),)

    MODELS[name] = (opset, make)


classifier("alexnet", 7, 224, num_classes=10)
classifier("squeezenet1_1", 7, 224)
classifier("resnet18", 7, 224)
classifier("mnasnet0_5", 8, 224)
classifier("shufflenet_v2_x0_5", 9, 224)
classifier("densenet121", 10, 96)
classifier("googlenet", 11, 224, init_weights=False, aux_logits=False, transform_input=True)
classifier("inception_v3", 11, 149, init_weights=False, aux_logits=False)
classifier("mobilenet_v3_large", 11, 224)
classifier("efficientnet_b0", 12, 224)
classifier("mobilenet_v3_small", 13, 224)
classifier("regnet_y_400mf", 13, 224)
classifier("resnext50_32x4d", 13, 96)
classifier("convnext_tiny", 13, 96)
classifier("swin_t", 13, 224)
classifier("efficientnet_v2_s", 14, 96)
segmenter("deeplabv3_mobilenet_v3_large", 11)
segmenter("lraspp_mobilenet_v3_large", 12)
segmenter("fcn_resnet50", 13)


if __name__ == "__main__":
    main()
