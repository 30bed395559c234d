//===- ParseOptions.cpp - the command line of ft-run ----------------------===//
#include "tools/ft-run/SamplingOptions.h"

#include <charconv>

namespace ft::run {

static const char *const kExamples = R"(
Examples:
  ft-run stories.plan --prompt "Once upon a time" --max-new-tokens 64
  ft-run vit.plan --image cat.jpg --image dog.png
  ft-run llama.plan --device cuda --tokens 1,2,3 --tokens 4,5 --json
  ft-run llama.plan --prompt "Hello" --temperature 0.8 --top-p 0.95 --seed 1
  ft-run bert.plan --input input_ids=@ids.npy --expect last_hidden_state=@y.npy
  ft-run sentiment.plan --prompt "What a film." --top 2
  ft-run squad.plan --prompt "Who came?" --pair "Then the king came."
  ft-run minilm.plan --embed --prompt "a sentence" --prompt "another"
  ft-run minilm.plan --embed --prompt-lines a.txt --bench --batch 64
  ft-run llama.plan --weights random --bench --batch 8 --in 512 --out 64
  ft-run llama.plan --tune --device cuda -o h200.json
  ft-run llama.plan --tuning h200.json --prompt "Once upon a time"
  ft-run llama.plan --describe

Exit code: 0 success, 1 an --expect differs beyond --tolerance, 2 an error.)";

/// Counts of tokens and sequences; products of two cannot overflow.
static const CLI::Range kCount(int64_t(1), int64_t(INT32_MAX));

static void addModelOptions(CLI::App &app, RunOptions &o) {
  app.add_option("plan", o.plan, "The plan file, as ftc compile writes it")
      ->required();
  app.add_option("--device", o.device,
                 "cpu or cuda (default: cuda where there is a GPU)")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--weights", o.weights,
                 "Directory of the safetensors files, or random[:SEED] "
                 "(default: where the plan was compiled from)");
  app.add_option("--entry", o.entry,
                 "Entry point (default: the plan's first that fits)");
  app.add_option("--context", o.model.context,
                 "Longest sequence in tokens (default: the model's, at most "
                 "8192)")
      ->check(kCount);
  app.add_option("--max-sequences", o.model.maxSequences,
                 "Most sequences in a batch (default: 64)")
      ->check(kCount);
  app.add_option("--max-tokens", o.model.maxTokens,
                 "Most tokens in a batch; longer prompts are fed in chunks "
                 "(default: 2048)")
      ->check(kCount);
  app.add_option("--cache-tokens", o.model.cacheTokens,
                 "Tokens the cache holds for all sequences together (default: "
                 "a full context for each)")
      ->check(kCount);
  app.add_option("--rank-deadline", o.rankDeadline,
                 "Seconds that ranks wait for one that is late")
      ->capture_default_str()
      ->check(CLI::Range(0.001, 3600.0));
  app.add_flag("--poison", o.model.poison,
               "Fill activations and caches with NaN before the run; a right "
               "program's results do not change");
}

static void addTensorOptions(CLI::App &app, RunOptions &o) {
  app.add_option("--input", o.inputs, "NAME=@FILE.npy; repeatable")
      ->allow_extra_args(false);
  app.add_option("--image", o.images,
                 "A PNG or JPEG file, prepared as the checkpoint's "
                 "preprocessor_config.json says; repeatable: a batch")
      ->allow_extra_args(false);
  app.add_option("--output", o.outputs, "NAME=@FILE.npy to write; repeatable")
      ->allow_extra_args(false);
  app.add_option("--expect", o.expects,
                 "NAME=@FILE.npy to compare an output with; repeatable")
      ->allow_extra_args(false);
  app.add_option("--tolerance", o.tolerance,
                 "Largest relative L2 difference from --expect")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
}

static void addTextOptions(CLI::App &app, RunOptions &o) {
  app.add_option("--prompt", o.prompts,
                 "Text to continue, classify or embed, - for standard input; "
                 "repeatable")
      ->allow_extra_args(false);
  app.add_option("--pair", o.pairs,
                 "Second text of a --prompt, such as the passage of a "
                 "question; one for each --prompt")
      ->allow_extra_args(false);
  app.add_option("--prompt-file", o.promptFiles,
                 "File whose text is a prompt; repeatable")
      ->allow_extra_args(false);
  app.add_option("--prompt-lines", o.promptLines,
                 "File each line of which, but empty ones, is a prompt; "
                 "repeatable")
      ->allow_extra_args(false);
  app.add_option("--tokens", o.tokens,
                 "Token ids to continue, 1,2,3; repeatable: a ragged batch")
      ->allow_extra_args(false);
  app.add_option("--max-new-tokens", o.maxNewTokens,
                 "Most tokens to generate for each prompt")
      ->capture_default_str()
      ->check(kCount);
  app.add_option("--tokenize", o.tokenize,
                 "Print the ids of a text (- for standard input) as JSON")
      ->each([&o](const std::string &) { o.hasTokenize = true; });
  app.add_option("--top", o.top,
                 "Most labels, or words in place of a mask, to print")
      ->capture_default_str()
      ->check(kCount);
  app.add_flag("--embed", o.embed,
               "Print the sentence embedding of each prompt; with --bench "
               "time them, --batch at once, the longest first");
}

static void addReportOptions(CLI::App &app, RunOptions &o) {
  app.add_flag("--json", o.json, "Print JSON, one line a sequence or report");
  app.add_flag("--describe", o.describe, "Print what the plan holds");
  app.add_flag("--explain-memory", o.explainMemory,
               "Print the memory a run with these options takes");
  app.add_flag("--bench", o.bench, "Time prefill and decode");
  app.add_option("--batch", o.batch, "Sequences, or images, of --bench")
      ->capture_default_str()
      ->check(kCount);
  app.add_option("--in", o.in, "Prompt tokens of --bench")
      ->capture_default_str()
      ->check(kCount);
  app.add_option(
         "--in-least", o.inLeast,
         "Tokens of the shortest prompt of --bench; the others' lengths "
         "are spread evenly up to --in (default: all have --in)")
      ->check(kCount);
  app.add_option("--out", o.out, "New tokens of --bench")
      ->capture_default_str()
      ->check(CLI::Range(int64_t(0), int64_t(INT32_MAX)));
  app.add_option("--repeat", o.repeat, "Runs of --bench; medians are printed")
      ->capture_default_str()
      ->check(kCount);
  app.add_option("--profile", o.trace,
                 "With --bench: time each kernel of a step (of the prefill "
                 "with --out 0) beside its floor, and write a Chrome trace to "
                 "the file, if one is named")
      ->type_name("[FILE]")
      ->expected(0, 1);
  app.add_option("--chart", o.chart,
                 "With --bench: chart a layer's kernels beside their floors, "
                 "an SVG file");
}

static void addTuneOptions(CLI::App &app, RunOptions &o) {
  auto *tune = app.add_flag(
      "--tune", o.tune,
      "Time every way of running each matrix product on this device, check "
      "each against the CPU, and write the fastest to a file; random weights "
      "where --weights is not given");
  app.add_option("-o,--tune-output", o.tuneOutput,
                 "The file of --tune (default: the plan's name with "
                 ".tuning.json)")
      ->needs(tune);
  app.add_option("--tuning", o.tuning,
                 "A file of --tune, in place of what ftc compile --tuning put "
                 "into the plan")
      ->excludes(tune);
}

int parseOptions(int argc, char **argv, RunOptions &options) {
  CLI::App app("Execute a plan made by ftc compile.", "ft-run");
  app.footer(kExamples);
  app.set_version_flag("--version", "ft-run " FTC_VERSION);
  app.failure_message([](const CLI::App *, const CLI::Error &error) {
    return std::string("ft-run: error: ") + error.what() +
           "; ft-run --help lists the options\n";
  });
  addModelOptions(app, options);
  addTensorOptions(app, options);
  addTextOptions(app, options);
  addSamplingOptions(app, options);
  addReportOptions(app, options);
  addTuneOptions(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  options.profile = app.count("--profile") > 0;
  options.model.rankDeadline =
      std::chrono::milliseconds(int64_t(options.rankDeadline * 1e3));
  return -1;
}

Status applyWeights(RunOptions &options) {
  const std::string &text = options.weights;
  if (text != "random" && text.rfind("random:", 0) != 0) {
    options.model.weightsDir = text;
    return Status::success();
  }
  uint64_t seed = 0;
  if (text.size() > 7) {
    const char *end = text.data() + text.size();
    auto [at, error] = std::from_chars(text.data() + 7, end, seed);
    if (error != std::errc() || at != end)
      return invalidArgument("--weights " + text +
                             ": expected random or random:SEED with a whole "
                             "number, found '" +
                             text.substr(7) + "'");
  }
  options.model.randomSeed = seed;
  return Status::success();
}

StatusOr<std::pair<std::string, std::string>>
splitBinding(const std::string &flag, const std::string &text) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 2 >= text.size() ||
      text[equals + 1] != '@')
    return invalidArgument(flag + ": expected NAME=@FILE.npy, found '" + text +
                           "'");
  return std::make_pair(text.substr(0, equals), text.substr(equals + 2));
}

} // namespace ft::run
