/* generate.c - continue a prompt with libft.
 *
 *   cc generate.c $(pkg-config --cflags --libs ft) -o generate
 *   ./generate stories.plan "Once upon a time"
 */
#include <ft/ft.h>
#include <stdio.h>

static int fail(void) {
  fprintf(stderr, "error: %s\n", ft_error_message());
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: generate PLAN PROMPT\n");
    return 2;
  }
  ft_engine_options options = FT_ENGINE_OPTIONS_INIT;
  options.max_sequences = 1;
  ft_engine *engine = NULL;
  if (ft_engine_open(argv[1], &options, &engine) != FT_OK)
    return fail();

  int32_t tokens[1024];
  size_t count = 0;
  uint64_t request = 0;
  if (ft_tokenize(engine, argv[2], tokens, 1024, &count) != FT_OK ||
      ft_submit(engine, tokens, count < 1024 ? count : 1024, 64, &request))
    return fail();

  ft_event event;
  int more = 1;
  while (ft_poll(engine, &event, &more) == FT_OK && more) {
    fputs(event.text, stdout);
    fflush(stdout);
  }
  putchar('\n');
  ft_engine_close(engine);
  return more ? fail() : 0;
}
