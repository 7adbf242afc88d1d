// Variables of PTX text: what is declared with .global or .const. Instructions name these spaces too, but behind their
// operation (ld.global.u32).
#include "scheduler_daemon/executor/image_variables.h"
#include "scheduler_daemon/executor/ptx_reader.h"

namespace paella::scheduler_daemon {
namespace {

// The rest of a declaration of .global memory, from behind that word. Whether all that it declares is never written.
bool DeclaresNeverWritten(PtxReader& reader) {
  PtxWord word = reader.Next();
  for (; word.text.starts_with('.'); word = reader.Next()) {
    if (word.text == ".attribute" || word.text.ends_with("ref")) return false;  // managed memory; textures
    if (word.text == ".align") reader.Next();
  }
  if (!IsNeverWritten(word.text)) return false;
  int depth = 0;
  for (word = reader.Next(); word.text != ";"; word = reader.Next()) {
    if (word.text == "{") ++depth;
    if (word.text == "}") --depth;
    if (word.text.empty() || (word.text == "," && depth == 0)) return false;
  }
  return true;
}

}  // namespace

bool PtxIsFreeOfVariables(std::string_view ptx) {
  PtxReader reader(ptx);
  std::string_view before;
  for (PtxWord word = reader.Next(); !word.text.empty(); before = word.text, word = reader.Next()) {
    if (word.is_of_operation) continue;
    if (word.text == ".const" && before != ".ptr") return false;
    if (word.text == ".tex") return false;
    if (word.text == ".global" && before != ".ptr" && !DeclaresNeverWritten(reader)) return false;
  }
  return true;
}

}  // namespace paella::scheduler_daemon
