"""The checkpoints and cases of the end-to-end tests, as tables.

A checkpoint is a small Hugging Face model directory with random weights; a
case is one batch run through one checkpoint. Nothing here needs torch.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Checkpoint:
    """One model directory: how it is configured, filled and written."""

    name: str
    family: str  # the config.json model_type
    model_class: str  # transformers class whose save_pretrained writes it
    config: dict
    stored: str = "fp32"  # dtype of the tensors in the file
    seed: int = 0
    shard_size: str = "1GB"
    layout: str = "plain"  # or a key of checkpoints.LAYOUTS
    spell_v4: bool = False  # also write NAME-v4 with transformers 4's keys
    matters: tuple = ()  # config changes that must spoil the outputs
    processor: dict | None = None  # of images: preprocessor_config.json


@dataclass(frozen=True)
class Case:
    """One batch through one checkpoint, and optionally greedy generation."""

    name: str
    checkpoint: str
    lengths: tuple = ()  # true length of each sequence of the batch
    images: int = 0  # of a vision model: random images
    pictures: tuple = ()  # likewise, files of test/runtime/image/fixtures
    padding: str | None = "right"  # None: equal lengths and no mask at all
    segments: bool = False  # pass token_type_ids
    texts: tuple = ()  # tokenize these instead of drawing ids at random
    prompts: tuple = ()  # prompt lengths for greedy generation
    stop_early: bool = False  # end tokens that cut one continuation short
    seed: int = 0
    entry: str = "step"
    part: str = ""  # "encoder": from hidden_states, of the layers alone
    outputs: tuple = ("logits",)
    alias: tuple = field(default=())  # checkpoints with the same weights


def llama_config(**overrides):
    """The keys every Llama-like configuration here starts from."""
    config = dict(
        vocab_size=128, hidden_size=64, intermediate_size=172,
        num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
        max_position_embeddings=512, rms_norm_eps=1e-5,
        tie_word_embeddings=False, rope_theta=10000.0,
        bos_token_id=None, eos_token_id=None, pad_token_id=None,
    )
    config.update(overrides)
    theta = config.pop("rope_theta")
    scaling = config.pop("rope_scaling", {"rope_type": "default"})
    config["rope_parameters"] = {"rope_theta": theta, **scaling}
    return config


def gpt2_config(**overrides):
    """The keys every GPT-2 configuration here starts from."""
    config = dict(
        vocab_size=128, n_positions=96, n_embd=64, n_layer=2, n_head=2,
        n_inner=None, activation_function="gelu_new",
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        bos_token_id=None, eos_token_id=None,
    )
    config.update(overrides)
    return config


def bert_config(**overrides):
    """The keys every BERT configuration here starts from."""
    config = dict(
        vocab_size=131, hidden_size=64, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=172, hidden_act="gelu",
        max_position_embeddings=64, type_vocab_size=2, pad_token_id=0,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )
    config.update(overrides)
    return config


def text_config(**overrides):
    """The keys of BERT's descendants with heads: as small as they can be."""
    return bert_config(**{**dict(
        vocab_size=61, hidden_size=32, num_hidden_layers=1,
        intermediate_size=48, max_position_embeddings=40), **overrides})


def roberta_config(**overrides):
    """The same of RoBERTa, whose positions start behind its padding token."""
    return text_config(**{**dict(
        pad_token_id=1, type_vocab_size=1, layer_norm_eps=1e-5,
        bos_token_id=0, eos_token_id=2), **overrides})


def mpnet_config(**overrides):
    """The same of MPNet, which has no kinds of tokens."""
    config = roberta_config(**overrides)
    del config["type_vocab_size"]
    return config


def distilbert_config(**overrides):
    """The same under DistilBERT's keys."""
    config = dict(
        vocab_size=61, dim=32, n_layers=1, n_heads=2, hidden_dim=48,
        max_position_embeddings=40, pad_token_id=0, dropout=0.0,
        attention_dropout=0.0)
    config.update(overrides)
    return config


def vit_config(**overrides):
    """The keys every vision transformer here starts from."""
    config = dict(
        image_size=32, patch_size=8, num_channels=3, hidden_size=48,
        num_hidden_layers=2, num_attention_heads=2, intermediate_size=92,
        hidden_act="gelu", layer_norm_eps=1e-6,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    )
    config.update(overrides)
    return config


def labels(*names):
    """A configuration's id2label and label2id."""
    return dict(id2label=dict(enumerate(names)),
                label2id={name: i for i, name in enumerate(names)})


def plain_rope(theta):
    """A configuration change: the same base frequency, no scaling."""
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta}}


LLAMA3_SCALING = dict(
    rope_type="llama3", factor=8.0, low_freq_factor=1.0,
    high_freq_factor=4.0, original_max_position_embeddings=32,
)
LINEAR_SCALING = dict(rope_type="linear", factor=2.5)
FULL_LAYERS = ["full_attention"] * 3
WINDOW_LAYERS = ["sliding_attention"] * 3
MIXED_LAYERS = ["full_attention", "sliding_attention", "full_attention"]

GPT2_CHECKPOINTS = [
    Checkpoint("gpt2-plain", "gpt2", "GPT2LMHeadModel", gpt2_config(),
               seed=32),
    # As the hub's gpt2 is stored: no `transformer.` prefix, mask buffers.
    Checkpoint(
        "gpt2-bare-gelu", "gpt2", "GPT2LMHeadModel",
        gpt2_config(vocab_size=211, n_embd=96, n_head=3, n_inner=174,
                    activation_function="gelu"),
        stored="fp16", seed=2, layout="gpt2-bare", spell_v4=True,
        matters=({"activation_function": "gelu_new"},)),
]

LLAMA_CHECKPOINTS = [
    Checkpoint("llama-mha", "llama", "LlamaForCausalLM",
               llama_config(vocab_size=97), seed=3),
    Checkpoint(
        "llama-gqa", "llama", "LlamaForCausalLM",
        llama_config(hidden_size=128, num_attention_heads=4,
                     intermediate_size=200),
        stored="bf16", seed=4),
    Checkpoint(
        "llama-mqa", "llama", "LlamaForCausalLM",
        llama_config(hidden_size=96, head_dim=64, num_attention_heads=3,
                     num_key_value_heads=1),
        stored="fp16", seed=5),
    Checkpoint(
        "llama3-rope", "llama", "LlamaForCausalLM",
        llama_config(vocab_size=256, num_attention_heads=4, head_dim=32,
                     tie_word_embeddings=True, rope_theta=500000.0,
                     rope_scaling=LLAMA3_SCALING),
        stored="bf16", seed=40, spell_v4=True,
        matters=(plain_rope(500000.0),)),
    Checkpoint(
        "llama-linear-rope", "llama", "LlamaForCausalLM",
        llama_config(rope_scaling=LINEAR_SCALING, num_key_value_heads=1),
        stored="fp16", seed=7, spell_v4=True, matters=(plain_rope(10000.0),)),
    Checkpoint(
        "llama-biases", "llama", "LlamaForCausalLM",
        llama_config(vocab_size=103, attention_bias=True, mlp_bias=True,
                     head_dim=80, intermediate_size=173),
        stored="fp16", seed=8),
    Checkpoint(
        "llama-head128-sharded", "llama", "LlamaForCausalLM",
        llama_config(head_dim=128, num_key_value_heads=1,
                     num_attention_heads=2),
        stored="bf16", seed=9, shard_size="80KB"),
    Checkpoint(
        "llama-head256", "llama", "LlamaForCausalLM",
        llama_config(head_dim=256, num_key_value_heads=1,
                     intermediate_size=96),
        stored="bf16", seed=10),
]

VARIANT_CHECKPOINTS = [
    Checkpoint(
        "mistral-window", "mistral", "MistralForCausalLM",
        llama_config(num_attention_heads=4, head_dim=32, sliding_window=8,
                     num_key_value_heads=2),
        stored="bf16", seed=45, spell_v4=True,
        matters=({"sliding_window": 9}, {"sliding_window": None})),
    Checkpoint(
        "qwen2-plain", "qwen2", "Qwen2ForCausalLM",
        llama_config(vocab_size=151, use_sliding_window=False,
                     max_window_layers=2, num_key_value_heads=1,
                     tie_word_embeddings=True),
        stored="fp16", seed=37),
    Checkpoint(
        "qwen2-window", "qwen2", "Qwen2ForCausalLM",
        llama_config(vocab_size=151, num_hidden_layers=3,
                     use_sliding_window=True, sliding_window=6,
                     max_window_layers=1, intermediate_size=140),
        stored="bf16", seed=13, spell_v4=True,
        matters=({"layer_types": FULL_LAYERS}, {"sliding_window": 7})),
    Checkpoint(
        "qwen3-plain", "qwen3", "Qwen3ForCausalLM",
        llama_config(head_dim=96, num_key_value_heads=1,
                     rope_theta=1000000.0, rms_norm_eps=1e-6),
        stored="bf16", seed=14, spell_v4=True,
        matters=({"rms_norm_eps": 1e-3},)),
    Checkpoint(
        "qwen3-mixed-window", "qwen3", "Qwen3ForCausalLM",
        llama_config(num_hidden_layers=3, head_dim=32, sliding_window=7,
                     num_attention_heads=4, num_key_value_heads=2,
                     use_sliding_window=True, max_window_layers=1,
                     layer_types=MIXED_LAYERS, intermediate_size=100,
                     attention_bias=True, tie_word_embeddings=True),
        stored="fp16", seed=43,
        matters=({"layer_types": FULL_LAYERS},
                 {"layer_types": WINDOW_LAYERS})),
]

BERT_CHECKPOINTS = [
    Checkpoint("bert-pooler", "bert", "BertModel", bert_config(),
               seed=16, spell_v4=True),
    Checkpoint(
        "bert-no-pooler", "bert", "BertModel",
        bert_config(hidden_act="gelu_new", num_attention_heads=1,
                    type_vocab_size=1),
        stored="fp16", seed=17, layout="bert-no-pooler",
        matters=({"hidden_act": "gelu"},)),
    Checkpoint(
        "bert-masked-lm", "bert", "BertForMaskedLM",
        bert_config(hidden_act="relu", hidden_size=96, vocab_size=113,
                    num_attention_heads=3, intermediate_size=150),
        stored="fp16", seed=18, layout="tokenizer",
        matters=({"hidden_act": "gelu"},)),
    # As the hub's bert-base-uncased is stored: `bert.` prefix, norms named
    # gamma and beta, position_ids as a buffer, the heads of pretraining.
    Checkpoint(
        "bert-pretraining", "bert", "BertForPreTraining",
        bert_config(intermediate_size=171), stored="bf16", seed=19,
        layout="bert-legacy"),
    Checkpoint("minilm-tiny", "bert", "BertModel",
               bert_config(vocab_size=200), stored="fp16", seed=20,
               layout="sentence-transformers"),
]

HEAD_CHECKPOINTS = [
    Checkpoint("bert-sequence", "bert", "BertForSequenceClassification",
               text_config(vocab_size=200, num_hidden_layers=2,
                           **labels("bad", "fair", "good")),
               stored="fp16", seed=50, layout="tokenizer", spell_v4=True),
    Checkpoint("bert-token", "bert", "BertForTokenClassification",
               text_config(vocab_size=200, **labels(
                   "O", "B-PER", "I-PER", "B-LOC", "I-LOC")),
               stored="bf16", seed=51, layout="tokenizer"),
    Checkpoint("bert-question", "bert", "BertForQuestionAnswering",
               text_config(vocab_size=200), stored="fp16", seed=52,
               layout="tokenizer"),
    Checkpoint("bert-choice", "bert", "BertForMultipleChoice", text_config(),
               stored="fp16", seed=53),
    Checkpoint("bert-next", "bert", "BertForNextSentencePrediction",
               text_config(), stored="fp16", seed=54),
]

FAMILY_CHECKPOINTS = [
    Checkpoint("roberta-masked-lm", "roberta", "RobertaForMaskedLM",
               roberta_config(), stored="fp16", seed=55, spell_v4=True,
               matters=({"layer_norm_eps": 1e-2},)),
    Checkpoint("roberta-sequence", "roberta",
               "RobertaForSequenceClassification",
               roberta_config(type_vocab_size=2, **labels("no", "yes")),
               stored="fp16", seed=56),
    Checkpoint("roberta-plain", "roberta", "RobertaModel", roberta_config(),
               stored="fp16", seed=57),
    Checkpoint("xlm-roberta-token", "xlm-roberta",
               "XLMRobertaForTokenClassification",
               roberta_config(hidden_act="gelu_new", **labels("O", "X", "Y")),
               stored="bf16", seed=58, spell_v4=True,
               matters=({"hidden_act": "gelu"},)),
    Checkpoint("camembert-question", "camembert",
               "CamembertForQuestionAnswering", roberta_config(pad_token_id=3),
               stored="fp16", seed=59),
    Checkpoint("distilbert-masked-lm", "distilbert", "DistilBertForMaskedLM",
               distilbert_config(activation="relu"), stored="fp16", seed=60,
               spell_v4=True, matters=({"activation": "gelu"},)),
    Checkpoint("distilbert-sequence", "distilbert",
               "DistilBertForSequenceClassification",
               distilbert_config(sinusoidal_pos_embds=True),
               stored="fp16", seed=61),
    Checkpoint("distilbert-token", "distilbert",
               "DistilBertForTokenClassification",
               distilbert_config(**labels("O", "X")), stored="fp16", seed=62),
    Checkpoint("distilbert-question", "distilbert",
               "DistilBertForQuestionAnswering", distilbert_config(),
               stored="bf16", seed=63),
    Checkpoint("electra-discriminator", "electra", "ElectraForPreTraining",
               text_config(embedding_size=16, hidden_act="relu"),
               stored="fp16", seed=64, spell_v4=True,
               matters=({"hidden_act": "gelu"},)),
    Checkpoint("electra-generator", "electra", "ElectraForMaskedLM",
               text_config(embedding_size=16, hidden_act="relu"),
               stored="fp16", seed=65, matters=({"hidden_act": "gelu"},)),
    Checkpoint("electra-sequence", "electra",
               "ElectraForSequenceClassification",
               text_config(embedding_size=32, **labels("a", "b", "c", "d")),
               stored="fp16", seed=66),
    Checkpoint("electra-token", "electra", "ElectraForTokenClassification",
               text_config(embedding_size=16), stored="fp16", seed=67),
    Checkpoint("electra-question", "electra", "ElectraForQuestionAnswering",
               text_config(embedding_size=16), stored="fp16", seed=68),
    Checkpoint("mpnet-plain", "mpnet", "MPNetModel",
               mpnet_config(num_hidden_layers=2, max_position_embeddings=160),
               stored="fp16", seed=69),
    Checkpoint("mpnet-masked-lm", "mpnet", "MPNetForMaskedLM",
               mpnet_config(), stored="fp16", seed=70),
    Checkpoint("mpnet-sequence", "mpnet", "MPNetForSequenceClassification",
               mpnet_config(), stored="bf16", seed=71),
]

VISION_CHECKPOINTS = [
    Checkpoint(
        "vit-classify", "vit", "ViTForImageClassification",
        vit_config(id2label={i: f"kind {i}" for i in range(11)}),
        stored="fp16", seed=21, spell_v4=True,
        matters=({"hidden_act": "relu"}, {"layer_norm_eps": 1e-2}),
        processor={"size": {"height": 32, "width": 32}}),
    # Neither side is a multiple of the patch, which is not square either.
    Checkpoint(
        "vit-model", "vit", "ViTModel",
        vit_config(image_size=[20, 34], patch_size=[6, 8], num_channels=1,
                   qkv_bias=False, hidden_act="gelu_new",
                   pooler_output_size=40),
        stored="bf16", seed=22,
        matters=({"hidden_act": "gelu"}, {"pooler_act": "relu"})),
    Checkpoint("vit-no-pooler", "vit", "ViTModel",
               vit_config(image_size=16, patch_size=4, hidden_size=32),
               seed=23,
               layout="vit-no-pooler"),
    Checkpoint(
        "deit-teacher", "deit", "DeiTForImageClassificationWithTeacher",
        vit_config(image_size=16, num_attention_heads=3,
                   id2label={i: f"kind {i}" for i in range(37)}),
        stored="fp16", seed=24, spell_v4=True,
        processor={"size": {"height": 20, "width": 20},
                   "crop_size": {"height": 16, "width": 16}}),
    Checkpoint("deit-classify", "deit", "DeiTForImageClassification",
               vit_config(id2label={i: f"kind {i}" for i in range(37)},
                          image_size=16, hidden_size=32,
                          num_attention_heads=1),
               stored="bf16", seed=25),
    Checkpoint("deit-model", "deit", "DeiTModel",
               vit_config(image_size=16, hidden_size=32), stored="fp16",
               seed=26),
]

CHECKPOINTS = (GPT2_CHECKPOINTS + LLAMA_CHECKPOINTS + VARIANT_CHECKPOINTS
               + BERT_CHECKPOINTS + HEAD_CHECKPOINTS + FAMILY_CHECKPOINTS
               + VISION_CHECKPOINTS)

RAGGED = (9, 40, 1, 23)
SHORT = (9, 21, 1, 14)
LONG = (31, 35, 1, 29)  # for heads with a number a token
# Heads of whole sequences say little of each: the error of transformers, which
# is the tolerance, is then one of many sequences.
MANY = (2, 7, 4, 9, 1, 8, 5, 6) * 8
PROMPTS = (5, 17, 1)
TINY_TEXTS = ("The cat sat on the mat.", "How do I use my password?", "",
              "Déjà vu: naïve café", "x", "It was 3.14, not 42!")
BERT_OUTPUTS = ("last_hidden_state", "pooler_output")

CAUSAL_CASES = [
    Case("gpt2-plain", "gpt2-plain", RAGGED, "left", prompts=PROMPTS),
    Case("gpt2-plain-right", "gpt2-plain", RAGGED, "right", seed=1),
    Case("gpt2-bare-gelu", "gpt2-bare-gelu", RAGGED, "right",
         prompts=PROMPTS, alias=("gpt2-bare-gelu-v4",)),
    Case("llama-mha", "llama-mha", RAGGED, "right", prompts=PROMPTS),
    Case("llama-mha-full", "llama-mha", (16, 16), None),
    Case("llama-gqa", "llama-gqa", RAGGED, "left", prompts=PROMPTS),
    Case("llama-gqa-long", "llama-gqa", (150, 65, 128), "right", seed=1),
    Case("llama-mqa", "llama-mqa", RAGGED, "right", prompts=PROMPTS,
         stop_early=True),
    Case("llama3-rope", "llama3-rope", RAGGED, "left", prompts=PROMPTS,
         alias=("llama3-rope-v4",)),
    Case("llama-linear-rope", "llama-linear-rope", RAGGED, "right",
         prompts=PROMPTS, alias=("llama-linear-rope-v4",)),
    Case("llama-biases", "llama-biases", RAGGED, "left", prompts=PROMPTS),
    Case("llama-head128-sharded", "llama-head128-sharded", RAGGED, "right",
         prompts=PROMPTS),
    Case("llama-head256", "llama-head256", RAGGED, "left",
         prompts=PROMPTS),
    Case("mistral-window", "mistral-window", RAGGED, "left",
         prompts=PROMPTS, alias=("mistral-window-v4",)),
    Case("mistral-window-long", "mistral-window", (66, 140), "right",
         seed=1),
    Case("qwen2-plain", "qwen2-plain", RAGGED, "right", prompts=PROMPTS),
    Case("qwen2-window", "qwen2-window", RAGGED, "left", prompts=PROMPTS,
         alias=("qwen2-window-v4",)),
    Case("qwen3-plain", "qwen3-plain", RAGGED, "right", prompts=PROMPTS,
         alias=("qwen3-plain-v4",)),
    Case("qwen3-mixed-window", "qwen3-mixed-window", RAGGED, "left",
         prompts=PROMPTS),
]

ENCODER_CASES = [
    Case("bert-pooler", "bert-pooler", RAGGED, segments=True,
         entry="encode", outputs=BERT_OUTPUTS, alias=("bert-pooler-v4",)),
    Case("bert-pooler-full", "bert-pooler", (12, 12), None, seed=1,
         entry="encode", outputs=BERT_OUTPUTS),
    Case("bert-no-pooler", "bert-no-pooler", RAGGED, "left",
         entry="encode", outputs=("last_hidden_state",)),
    Case("bert-masked-lm", "bert-masked-lm", RAGGED, entry="encode"),
    Case("bert-pretraining", "bert-pretraining", (33, 64, 2),
         segments=True, entry="encode", outputs=("prediction_logits",)),
    Case("bert-pretraining-next", "bert-pretraining", MANY, segments=True,
         entry="encode", outputs=("seq_relationship_logits",)),
    Case("minilm-tiny", "minilm-tiny", RAGGED, entry="encode",
         outputs=("last_hidden_state",)),
    Case("minilm-tiny-embed", "minilm-tiny", (), texts=TINY_TEXTS,
         entry="embed", outputs=("sentence_embedding",)),
]

SPANS = ("start_logits", "end_logits")


def head_case(name, **options):
    """A case of the checkpoint of its name."""
    return Case(name, **{**dict(checkpoint=name, lengths=SHORT,
                                entry="encode"), **options})


HEAD_CASES = [
    head_case("bert-sequence", lengths=MANY, segments=True,
              alias=("bert-sequence-v4",)),
    head_case("bert-sequence-encoder", checkpoint="bert-sequence",
              part="encoder", outputs=("last_hidden_state",)),
    head_case("bert-token", segments=True),
    head_case("bert-question", lengths=LONG, segments=True, outputs=SPANS),
    head_case("bert-choice", lengths=MANY, segments=True),
    head_case("bert-next", lengths=MANY, segments=True),
    head_case("roberta-masked-lm", alias=("roberta-masked-lm-v4",)),
    head_case("roberta-sequence", lengths=MANY, segments=True),
    head_case("roberta-plain", outputs=BERT_OUTPUTS),
    head_case("xlm-roberta-token", alias=("xlm-roberta-token-v4",)),
    head_case("camembert-question", lengths=LONG, padding="left",
              outputs=SPANS),
    head_case("distilbert-masked-lm", alias=("distilbert-masked-lm-v4",)),
    head_case("distilbert-sequence", lengths=MANY),
    head_case("distilbert-sequence-encoder", checkpoint="distilbert-sequence",
              part="encoder", outputs=("last_hidden_state",)),
    head_case("distilbert-token", padding="left"),
    head_case("distilbert-question", lengths=LONG, outputs=SPANS),
    head_case("electra-discriminator", lengths=LONG, segments=True,
              alias=("electra-discriminator-v4",)),
    head_case("electra-generator", segments=True),
    head_case("electra-sequence", lengths=MANY, segments=True),
    head_case("electra-token", padding="left"),
    head_case("electra-question", lengths=LONG, outputs=SPANS),
    # Longer than the distance that ends the table of buckets.
    head_case("mpnet-plain", lengths=(9, 140), outputs=BERT_OUTPUTS),
    head_case("mpnet-masked-lm", padding="left"),
    head_case("mpnet-sequence", lengths=MANY),
]

VISION_OUTPUTS = ("last_hidden_state", "pooler_output")

VISION_CASES = [
    Case("vit-classify", "vit-classify", images=3, entry="encode",
         padding=None, alias=("vit-classify-v4",)),
    Case("vit-classify-pictures", "vit-classify",
         pictures=("steps.jpg", "palette8.png", "full.jpg", "halved.jpg",
                   "cmyk.jpg", "grey.jpg", "gamma.png", "rgb8.png",
                   "interlaced.png", "turned.png", "grey16.png",
                   "progressive.jpg"), entry="encode",
         padding=None),
    Case("vit-model", "vit-model", images=5, entry="encode", padding=None,
         outputs=VISION_OUTPUTS),
    Case("vit-no-pooler", "vit-no-pooler", images=2, entry="encode",
         padding=None, outputs=("last_hidden_state",)),
    Case("deit-teacher", "deit-teacher", images=8, entry="encode",
         padding=None,
         outputs=("logits", "cls_logits", "distillation_logits"),
         alias=("deit-teacher-v4",)),
    Case("deit-teacher-pictures", "deit-teacher",
         pictures=("steps.jpg", "full.jpg", "halved.jpg", "cmyk.jpg"),
         entry="encode",
         padding=None),
    Case("deit-classify", "deit-classify", images=8, entry="encode",
         padding=None),
    Case("deit-model", "deit-model", images=8, entry="encode", padding=None,
         outputs=VISION_OUTPUTS),
]

CASES = CAUSAL_CASES + ENCODER_CASES + HEAD_CASES + VISION_CASES
