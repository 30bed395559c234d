/*===- ft.h - the C interface of the ftc runtime -------------------------===*\
|*
|* Load a plan, submit prompts as token ids or text, poll for tokens, cancel.
|*
|* Every call returns a status; the sentence of the last error of a thread is
|* ft_error_message(). Handles are opaque and owned by the caller until the
|* matching close. One engine is used from one thread at a time; different
|* engines are independent.
|*
\*===----------------------------------------------------------------------===*/
#ifndef FT_RUNTIME_LIBFT_FT_H
#define FT_RUNTIME_LIBFT_FT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FT_API __attribute__((visibility("default")))

typedef enum ft_status {
  FT_OK = 0,
  FT_INVALID_ARGUMENT = 1,
  FT_NOT_FOUND = 2,
  FT_CORRUPT = 3,
  FT_UNSUPPORTED = 4,
  FT_OUT_OF_RANGE = 5,
  FT_RESOURCE_EXHAUSTED = 6,
  FT_DEADLINE_EXCEEDED = 7,
  FT_CANCELLED = 8,
  FT_INTERNAL = 9
} ft_status;

/* The sentence of this thread's last error; "" if there was none. Valid until
 * the thread's next call. */
FT_API const char *ft_error_message(void);

/* "0.1.0" */
FT_API const char *ft_version(void);

typedef struct ft_engine ft_engine;

/* Start from FT_ENGINE_OPTIONS_INIT; zero and NULL mean the default. */
typedef struct ft_engine_options {
  size_t size;           /* sizeof(ft_engine_options) */
  const char *device;    /* "cpu", "cuda"; NULL: CUDA where there is one */
  const char *weights;   /* directory; NULL: where the plan came from */
  int64_t context;       /* longest sequence, tokens */
  int64_t max_sequences; /* of one batch */
  int64_t max_tokens;    /* of one batch */
  int64_t cache_tokens;  /* of all sequences */
} ft_engine_options;
#define FT_ENGINE_OPTIONS_INIT                                                 \
  { sizeof(ft_engine_options), 0, 0, 0, 0, 0, 0 }

/* Loads a plan and its weights. `options` may be NULL. */
FT_API ft_status ft_engine_open(const char *plan_path,
                                const ft_engine_options *options,
                                ft_engine **engine);
/* Ends all requests and frees everything; NULL is allowed. */
FT_API void ft_engine_close(ft_engine *engine);

/* Token ids of a UTF-8 text, special tokens included. Writes at most
 * `capacity` ids and the full number to `count`. */
FT_API ft_status ft_tokenize(ft_engine *engine, const char *text,
                             int32_t *tokens, size_t capacity, size_t *count);

/* Queues a prompt. `request` receives its id. */
FT_API ft_status ft_submit(ft_engine *engine, const int32_t *tokens,
                           size_t count, int64_t max_new_tokens,
                           uint64_t *request);

/* How tokens of a request are chosen; docs/sampling.md has the order of
 * operations. Start from FT_SAMPLING_INIT, which takes the likeliest token. */
typedef struct ft_sampling {
  size_t size;               /* sizeof(ft_sampling) */
  double temperature;        /* 0: the likeliest token */
  int64_t top_k;             /* 0: all */
  double top_p;              /* 1: all */
  double min_p;              /* 0: all */
  double repetition_penalty; /* 1: none */
  double presence_penalty, frequency_penalty;
  uint64_t seed;
  int64_t min_new_tokens;      /* no end before so many */
  int64_t logprobs;            /* of the token and so many others; -1: none */
  const int32_t *stop_tokens;  /* beside the plan's end tokens */
  size_t stop_count;           /*   how many */
  const int32_t *bias_tokens;  /* each once */
  const double *bias_values;   /*   added to their logits; -INFINITY bans */
  size_t bias_count;           /*   how many */
  const int32_t *bad_words;    /* tokens of all words, one after the other */
  const size_t *bad_word_ends; /*   where each word ends in them */
  size_t bad_word_count;       /*   how many words */
} ft_sampling;
#define FT_SAMPLING_INIT                                                       \
  { sizeof(ft_sampling), 0, 0, 1, 0, 1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 0, 0, 0, 0 }

/* As ft_submit; `sampling` may be NULL. */
FT_API ft_status ft_submit_sampled(ft_engine *engine, const int32_t *tokens,
                                   size_t count, int64_t max_new_tokens,
                                   const ft_sampling *sampling,
                                   uint64_t *request);

/* Ends a request; its last event follows. Unknown ids are ignored. */
FT_API ft_status ft_cancel(ft_engine *engine, uint64_t request);

typedef enum ft_finish {
  FT_RUNNING = 0,
  FT_END_TOKEN = 1,
  FT_LENGTH = 2,
  FT_FINISH_CANCELLED = 3
} ft_finish;

typedef struct ft_event {
  uint64_t request;
  int32_t token;    /* -1: an end without a token */
  ft_finish finish; /* FT_RUNNING while the request goes on */
  const char *text; /* complete UTF-8 characters that this token adds, or ""
                       without a tokenizer; valid until the next call */
} ft_event;

/* Runs the engine until there is an event. `have_event` is 0 when no request
 * is left. */
FT_API ft_status ft_poll(ft_engine *engine, ft_event *event, int *have_event);

typedef struct ft_logprob {
  int32_t token;
  double logprob; /* natural, of the model before any edit */
} ft_logprob;

/* Of the event that ft_poll gave last: its token, then the likeliest. `count`
 * is 0 where the request asked for none. Valid until the next ft_poll. */
FT_API ft_status ft_logprobs(ft_engine *engine, const ft_logprob **list,
                             size_t *count);

#ifdef __cplusplus
}
#endif

#endif /* FT_RUNTIME_LIBFT_FT_H */
