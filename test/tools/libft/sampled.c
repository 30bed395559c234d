/* Prints the ids of a sampled answer. */
#include <ft/ft.h>
#include <stdio.h>

int main(int argc, char **argv) {
  int32_t prompt[] = {5, 6}, banned[] = {7, 7}, biased[] = {7};
  size_t ends[] = {2};
  double bias[] = {100};
  ft_engine *engine = 0;
  ft_engine_options options = FT_ENGINE_OPTIONS_INIT;
  ft_sampling sampling = FT_SAMPLING_INIT;
  ft_event event;
  const ft_logprob *list;
  size_t count = 0;
  uint64_t request;
  int more = 0;
  options.device = "cpu";
  sampling.temperature = 2;
  sampling.seed = 4;
  sampling.logprobs = 1;
  sampling.bias_tokens = biased;
  sampling.bias_values = bias;
  sampling.bias_count = 1;
  sampling.bad_words = banned;
  sampling.bad_word_ends = ends;
  sampling.bad_word_count = 1;
  if (argc != 2 || ft_engine_open(argv[1], &options, &engine) ||
      ft_submit_sampled(engine, prompt, 2, 8, &sampling, &request)) {
    fprintf(stderr, "error: %s\n", ft_error_message());
    return 1;
  }
  while (!ft_poll(engine, &event, &more) && more) {
    if (ft_logprobs(engine, &list, &count) || count != 2 ||
        list[0].token != event.token || list[0].logprob > list[1].logprob)
      return 2;
    printf("%d", event.token);
    printf(event.finish == FT_RUNNING ? "," : "\n");
  }
  sampling.size = 1;
  if (ft_submit_sampled(engine, prompt, 2, 8, &sampling, &request) !=
      FT_INVALID_ARGUMENT)
    return 3;
  printf("%s\n", ft_error_message());
  ft_engine_close(engine);
  return 0;
}
