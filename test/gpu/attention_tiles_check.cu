//===- attention_tiles_check.cu - sm90/attention_tiles against fp64 -------===//
//
//   attention_tiles_check             right or wrong
//   attention_tiles_check --only N    case N, for a look with a sanitizer
//
//===----------------------------------------------------------------------===//
#include "AttentionTiles.h"

using namespace check;

static int only = -1, number = 0;

template <typename C, typename Score>
static void checkCase(const char *what, const Case &c, const Score &score) {
  if (int me = number++; isLeftOut() || (only >= 0 && me != only))
    return;
  using T = typename C::T;
  Batch<typename C::S> batch(c);
  Call<C, Score> call(batch, score);
  call(nullptr, 132);
  std::string name = std::string(C::kBrief ? "short " : "tiles ") + what +
                     " D " + std::to_string(C::S::D) + " DV " +
                     std::to_string(C::S::DV) + " window " +
                     std::to_string(c.window);
  compare(name, batch.out, batch.outStride, size_t(c.heads) * C::S::DV,
          batch.reference(score), 2 * kTolerance<T>);
  // The counters are left at zero, and the grid changes nothing.
  std::vector<T> first = batch.out.host;
  poison(batch.out);
  call(nullptr, 7);
  cuda(cudaDeviceSynchronize(), name.c_str());
  batch.out.down();
  report(std::memcmp(first.data(), batch.out.host.data(),
                     first.size() * sizeof(T)) == 0,
         name + ": another grid, other bits", 1, 0);
}

/// Maxima that grow from block to block, or not, in rows of one warp.
template <typename C> static void checkGrowth(const char *what, Case c) {
  for (float scale : {8.0f, 40.0f}) {
    c.scale = scale;
    checkCase<C>(what, c, NoScore{});
  }
}

static void checkPaged() {
  using Wide =
      attention::Config<Shape<bf16, 128, 128, true, true>, 4, 2, 128, 64>;
  Case prefill{{65, 1, 130, 7}, {0, 300, 65, 15}, 8, 2, 4, 0, 64, 1};
  checkCase<Wide>("chunks", prefill, NoScore{});
  checkCase<Wide>("long", Case{{700, 333}, {0, 111}, 8, 2, 4, 0, 128, 1},
                  NoScore{});
  checkGrowth<Wide>("chunks, sharp", prefill);
  using Scored =
      attention::Config<Shape<bf16, 128, 128, true, true>, 4, 2, 64, 64>;
  prefill.window = 100;
  checkCase<Scored>("chunks, score", prefill, CapAndSlope{});
  using Small =
      attention::Config<Shape<f16, 64, 64, true, true>, 16, 2, 128, 16>;
  Case odd{{65, 1, 30, 7}, {0, 300, 65, 16}, 20, 1, 16, 40, 48, 1};
  checkCase<Small>("20 = 16 + 4 heads", odd, NoScore{});
  using Prompts =
      attention::Config<Shape<bf16, 64, 64, true, true>, 4, 3, 128, 64, 1, 3>;
  using Fives =
      attention::Config<Shape<bf16, 64, 64, true, true>, 5, 3, 128, 64, 1, 3>;
  for (int window : {0, 100}) {
    Case prompts{{513, 1, 300, 64}, {0, 700, 65, 0}, 8, 2, 4, window, 64, 1};
    checkCase<Prompts>("three warpgroups", prompts, NoScore{});
    prompts.heads = 10;
    prompts.pack = 5;
    checkCase<Fives>("three warpgroups, fives", prompts, NoScore{});
  }
  using Large =
      attention::Config<Shape<bf16, 256, 256, true, true>, 3, 2, 64, 64>;
  Case large{{65, 2, 90}, {10, 129, 0}, 6, 2, 3, 0, 64, 1};
  checkCase<Large>("groups of 3", large, NoScore{});
  using LargeScored =
      attention::Config<Shape<bf16, 256, 256, true, true>, 3, 2, 32, 32>;
  checkCase<LargeScored>("groups of 3, score", large, CapAndSlope{});
}

template <typename C> static void checkTwo(const char *what) {
  for (const std::vector<int> &tokens :
       {std::vector<int>(7, 197), std::vector<int>{1, 190, 191, 1, 385, 97, 96},
        std::vector<int>{128, 64, 320, 0, 65, 250, 3, 384}}) {
    Case c{tokens, {}, 3, 3, 1, 0, 1, 1};
    checkCase<C>(what, c, NoScore{});
    c.scale = 40; // maxima grow from block to block
    checkCase<C>((std::string(what) + ", sharp").c_str(), c, NoScore{});
    c.window = 70;
    checkCase<C>((std::string(what) + ", sharp").c_str(), c, NoScore{});
    c.scale = 1;
    if constexpr (C::kWarpgroups == 2)
      checkCase<C>((std::string(what) + ", score").c_str(), c, CapAndSlope{});
  }
}
static void checkPacked() {
  using Bert =
      attention::Config<Shape<f16, 64, 64, false, false>, 1, 3, 128, 128>;
  Case encoder{{1, 64, 33, 129, 300}, {}, 3, 3, 1, 0, 1, 1};
  checkCase<Bert>("ragged", encoder, NoScore{});
  // The compiler gives scores two warpgroups, and narrower blocks for wide
  // heads: three have too few registers.
  using Scored =
      attention::Config<Shape<f16, 64, 64, false, false>, 1, 2, 128, 128>;
  encoder.window = 17;
  checkCase<Scored>("ragged, score", encoder, CapAndSlope{});
  checkCase<Bert>("short", Case{ragged(60, 1, 40), {}, 2, 2, 1, 0, 1, 1},
                  NoScore{});
  using Full =
      attention::Config<Shape<bf16, 128, 128, false, false>, 4, 2, 128, 128>;
  Case full{{300, 1, 500, 77}, {}, 8, 2, 4, 0, 1, 1};
  checkCase<Full>("ragged", full, NoScore{});
  checkGrowth<Full>("ragged, sharp", full);
  using FullScored =
      attention::Config<Shape<bf16, 128, 128, false, false>, 4, 2, 64, 64>;
  checkCase<FullScored>("ragged, score", full, CapAndSlope{});
  using Odd =
      attention::Config<Shape<bf16, 80, 96, false, false>, 2, 2, 128, 128>;
  checkCase<Odd>("ragged", Case{{200, 0, 77, 5}, {}, 4, 2, 2, 0, 1, 1},
                 NoScore{});
  using Tiny =
      attention::Config<Shape<bf16, 32, 72, true, false>, 7, 2, 128, 128>;
  checkCase<Tiny>("causal", Case{{200, 3, 77, 129}, {}, 14, 2, 7, 0, 1, 1},
                  NoScore{});
  using One =
      attention::Config<Shape<f16, 64, 64, false, false>, 1, 1, 64, 64, 3>;
  checkCase<One>("one warpgroup", Case{ragged(20, 1, 90), {}, 2, 2, 1, 0, 1, 1},
                 NoScore{});
  // Tiles of two sequences, of which one may be all but one token, or one.
  using Some =
      attention::Config<Shape<f16, 64, 64, false, false>, 1, 3, 112, 112, 1, 3>;
  checkTwo<Some>("two sequences");
  checkTwo<Bert>("two sequences");
  using Sharp =
      attention::Config<Shape<bf16, 64, 64, true, false>, 1, 2, 128, 128>;
  checkTwo<Sharp>("two sequences, causal");
}

/// Wide heads, whose blocks that all rows see have a loop of their own: chunks
/// behind odd and even numbers of such blocks, some that begin at the last key
/// of a block; windows; sequences that share tiles.
template <typename C> static void checkPhases(const char *what, Case c) {
  for (float scale : {1.0f, 40.0f})
    for (int window : {0, 300, 600}) {
      c.scale = scale;
      c.window = window;
      checkCase<C>(what, c, NoScore{});
    }
}
static void checkPhases() {
  using Cached =
      attention::Config<Shape<bf16, 128, 128, true, true>, 4, 2, 128, 64>;
  using Dense =
      attention::Config<Shape<bf16, 128, 128, false, false>, 4, 2, 128, 128>;
  using Alone =
      attention::Config<Shape<bf16, 128, 128, true, false>, 1, 2, 128, 128>;
  Case chunks{
      {240, 133, 20, 1, 129}, {0, 511, 383, 700, 1279}, 8, 2, 4, 0, 64, 1};
  Case neighbours{{430, 9, 600, 0, 77}, {}, 8, 2, 4, 0, 1, 1};
  checkPhases<Cached>("chunks", chunks);
  checkPhases<Dense>("neighbours", neighbours);
  checkPhases<Alone>("neighbours, causal",
                     Case{{450, 9, 470, 384}, {}, 2, 1, 1, 0, 1, 1});
  checkCase<Grouped<Cached>>("chunks, grouped", chunks, NoScore{});
  checkCase<Grouped<Dense>>("neighbours, grouped", neighbours, NoScore{});
  // So many keys that there are groups without that: 41 MiB.
  checkCase<Cached>("long cache", Case{{16}, {10400}, 32, 8, 4, 0, 64, 1},
                    NoScore{});
}

/// Encoders: many short sequences, tiles that begin and end within one, more
/// blocks than stages (500 tokens), empty sequences, more than 32 of them.
template <typename C> static void checkShortTile(const char *what) {
  std::string name = std::string(what) + " ";
  auto check = [&](const char *kind, Case c) {
    checkCase<C>((name + kind).c_str(), c, NoScore{});
    c.window = 17;
    checkCase<C>((name + kind + ", score").c_str(), c, CapAndSlope{});
  };
  check("ragged", Case{{1, 64, 33, 129, 300}, {}, 3, 3, 1, 0, 1, 1});
  check("short", Case{ragged(70, 1, 40), {}, 2, 2, 1, 0, 1, 1});
  check("equal", Case{std::vector<int>(8, 128), {}, 2, 2, 1, 0, 1, 1});
  check("of 32", Case{std::vector<int>(9, 32), {}, 4, 2, 1, 0, 1, 1});
  check("empty ones", Case{{0, 0, 63, 0, 66, 0, 500, 0}, {}, 2, 1, 1, 0, 1, 1});
  check("one token", Case{{1}, {}, 2, 2, 1, 0, 1, 1});
  check("197", Case{{197, 197, 197}, {}, 2, 2, 1, 0, 1, 1});
}
template <typename S, int ctas, int keys = 128, int stages = 2>
using Short = attention::Config<S, 1, 1, keys, keys, ctas, stages, true>;
static void checkShort() {
  checkShortTile<Short<Shape<f16, 64, 64, false, false>, 3>>("3 CTAs");
  checkShortTile<Short<Shape<f16, 64, 64, false, false>, 3, 64, 4>>("4 stages");
  checkShortTile<Short<Shape<bf16, 64, 64, false, false>, 2>>("2 CTAs");
  checkShortTile<Short<Shape<bf16, 40, 64, true, false>, 3>>("causal");
  checkShortTile<Short<Shape<bf16, 32, 32, false, false>, 2, 64, 3>>("64 keys");
}

int main(int argc, char **argv) {
  if (argc > 2 && std::string(argv[1]) == "--only")
    only = std::atoi(argv[2]);
  checkPaged();
  checkPacked();
  checkShort();
  checkPhases();
  return finish();
}
