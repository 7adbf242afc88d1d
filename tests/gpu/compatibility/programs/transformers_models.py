"""transformers' models from their configurations, with weights from a seed: encoders, decoders
with a KV cache."""
import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")

from torch_base import require_determinism, seeded  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402
from recorder import Recorder, main, section  # noqa: E402

NEW_TOKENS = 16


def tokens(seed: int, vocabulary: int, length: int = 24, batch: int = 2) -> torch.Tensor:
    return torch.randint(3, vocabulary, (batch, length),
                         generator=torch.Generator().manual_seed(seed)).cuda()


def on_gpu(kind, config) -> torch.nn.Module:
    torch.manual_seed(1)
    return kind(config).eval().cuda()


def generate(model: torch.nn.Module, ids: torch.Tensor, **options) -> torch.Tensor:
    return model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=NEW_TOKENS,
                          min_new_tokens=NEW_TOKENS, pad_token_id=0, **options)


def decode(record: Recorder, model: torch.nn.Module, vocabulary: int) -> None:
    ids = tokens(1, vocabulary)
    with torch.inference_mode():
        record.output("logits", model(ids).logits[:, -1])
        record.output("greedy", generate(model, ids, do_sample=False))
        torch.manual_seed(5)
        record.output("sampled", generate(model, ids, do_sample=True, top_k=50))
        record.output("greedy_half", generate(model.half(), ids, do_sample=False))


@section
def bert(record: Recorder) -> None:
    """BERT encoder, six layers, with padding"""
    config = transformers.BertConfig(num_hidden_layers=6, hidden_size=384, num_attention_heads=6,
                                     intermediate_size=1536)
    model = on_gpu(transformers.BertModel, config)
    ids = tokens(1, config.vocab_size, length=40)
    mask = torch.ones_like(ids)
    mask[1, 30:] = 0
    with torch.inference_mode():
        answer = model(input_ids=ids, attention_mask=mask)
        record.outputs(hidden=answer.last_hidden_state, pooled=answer.pooler_output)


@section
def gpt2(record: Recorder) -> None:
    """GPT-2: logits, greedy and sampled generation with a KV cache"""
    config = transformers.GPT2Config(n_layer=6, n_embd=384, n_head=6)
    decode(record, on_gpu(transformers.GPT2LMHeadModel, config), config.vocab_size)


@section
def llama(record: Recorder) -> None:
    """a small Llama: rotary positions, grouped queries, greedy and sampled generation"""
    config = transformers.LlamaConfig(hidden_size=256, intermediate_size=688, num_hidden_layers=4,
                                      num_attention_heads=8,
                                      num_key_value_heads=4, vocab_size=4000,
                                      max_position_embeddings=256)
    decode(record, on_gpu(transformers.LlamaForCausalLM, config), config.vocab_size)


@section
def t5(record: Recorder) -> None:
    """T5: an encoder and a decoder that looks at it"""
    config = transformers.T5Config(d_model=256, d_ff=512, d_kv=32, num_layers=3, num_heads=8,
                                   vocab_size=2000,
                                   decoder_start_token_id=0)
    model = on_gpu(transformers.T5ForConditionalGeneration, config)
    with torch.inference_mode():
        record.output("tokens", generate(model, tokens(2, 2000), do_sample=False))


@section
def vision_transformer(record: Recorder) -> None:
    """ViT, four layers"""
    config = transformers.ViTConfig(num_hidden_layers=4, hidden_size=192, num_attention_heads=3,
                                    intermediate_size=768)
    model = on_gpu(transformers.ViTModel, config)
    with torch.inference_mode():
        record.output("hidden", model(pixel_values=seeded(1, 2, 3, 224, 224)).last_hidden_state)


@section
def training_step(record: Recorder) -> None:
    """one step of GPT-2 with AdamW in bfloat16"""
    config = transformers.GPT2Config(n_layer=2, n_embd=128, n_head=4, vocab_size=1000,
                                     bos_token_id=0, eos_token_id=0,
                                     resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    model = on_gpu(transformers.GPT2LMHeadModel, config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    ids = tokens(1, 1000)
    with torch.autocast("cuda", torch.bfloat16):
        loss = model(ids, labels=ids).loss
    loss.backward()
    optimizer.step()
    record.outputs(loss=loss, weights=model.transformer.h[0].attn.c_attn.weight)


if __name__ == "__main__":
    require_determinism()
    main()
