// Splits PTX text into tokens. Comments and white space vanish; every token knows its line.
//
// Tokens are views into the text, which must outlive them.
#ifndef PAELLA_TESTS_SIMULATED_GPU_PTX_LEXER_H_
#define PAELLA_TESTS_SIMULATED_GPU_PTX_LEXER_H_

#include <string_view>
#include <vector>

namespace paella::simulated_gpu {

struct Token {
  enum class Kind : unsigned char { kWord, kNumber, kString, kPunctuation, kEnd };
  Kind kind;
  int line;
  std::string_view text;  // a word starts with a letter, _, $, % or '.', and contains dots: "ld.global.f32", ".reg"
};

// The last token is kEnd.
std::vector<Token> LexPtx(std::string_view text);

}  // namespace paella::simulated_gpu

#endif  // PAELLA_TESTS_SIMULATED_GPU_PTX_LEXER_H_
