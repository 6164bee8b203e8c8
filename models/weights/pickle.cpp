#include "models/weights/pickle.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <string_view>
#include <utility>

#include "models/weights/pickle_globals.h"

namespace oar {
namespace {

using Kind = PickleValue::Kind;
using Global = PickleValue::Global;

// A tensor takes about 30 values; a hostile pickle makes one of each byte, 100 times its size.
constexpr size_t kMaxValues = 4'000'000;

// Longer names of classes and keys of storages are made up to fill memory, and so are more of them:
// a few bytes of pickle copy such a name.
constexpr size_t kMaxGlobalName = 256;
constexpr size_t kMaxStorageKey = 256;
constexpr size_t kMaxCopiedText = 64'000'000;

struct OpcodeName {
  uint8_t code;
  std::string_view name;
};

// Opcodes that make objects of classes: with skip_unknown_objects placeholders, else refused.
constexpr OpcodeName kObjectOpcodes[] = {
    {'i', "INST"},       {'o', "OBJ"},       {0x81, "NEWOBJ"},    {0x92, "NEWOBJ_EX"},
    {0x8f, "EMPTY_SET"}, {0x90, "ADDITEMS"}, {0x91, "FROZENSET"},
};
// Opcodes that are always refused; those in neither table are no opcodes at all.
constexpr OpcodeName kRefusedOpcodes[] = {
    {'P', "PERSID"},
    {0x82, "EXT1"},
    {0x83, "EXT2"},
    {0x84, "EXT4"},
    {0x96, "BYTEARRAY8"},
    {0x97, "NEXT_BUFFER"},
    {0x98, "READONLY_BUFFER"},
};

std::string opcode_name(uint8_t code) {
  for (const auto& opcode : kObjectOpcodes) {
    if (opcode.code == code) return std::string(opcode.name);
  }
  for (const auto& opcode : kRefusedOpcodes) {
    if (opcode.code == code) return std::string(opcode.name);
  }
  return fmt::format("0x{:02x}", code);
}

class Machine {
 public:
  Machine(ByteCursor& cursor, bool skip) : cursor_(cursor), skip_(skip) {
    inert_ = make(Kind::kInert);
    true_ = make(Kind::kBool);
    true_->integer = 1;
    false_ = make(Kind::kBool);
  }

  Pickle run() {
    for (;;) {
      at_ = cursor_.position();
      const auto code = cursor_.take_number<uint8_t>("the next opcode");
      if (code == '.') break;
      if (!constant(code) && !container(code) && !memo(code)) object(code);
    }
    pickle_.root = pop();
    return std::move(pickle_);
  }

 private:
  [[noreturn]] void fail(const std::string& message) const { cursor_.fail_at(at_, message); }

  PickleValue* make(Kind kind) {
    if (pickle_.arena.size() >= kMaxValues) {
      fail(
          fmt::format("the pickle makes more than {} values; accepted are tensors in plain "
                      "containers, save those alone",
                      kMaxValues));
    }
    PickleValue& value = pickle_.arena.emplace_back();
    value.kind = kind;
    return &value;
  }

  PickleValue* make_text(std::string_view text) {
    PickleValue* value = make(Kind::kText);
    value->text = text;
    return value;
  }

  PickleValue* make_int(int64_t integer) {
    PickleValue* value = make(Kind::kInt);
    value->integer = integer;
    return value;
  }

  // ---- The stack. Values under the innermost mark are out of reach, as in CPython.
  void push(PickleValue* value) {
    if (stack_.size() >= kMaxValues) fail("the pickle's stack is too deep; the file is damaged");
    stack_.push_back(value);
  }

  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }

  PickleValue* top() {
    if (stack_.size() <= floor()) fail("the pickle takes a value that it never made");
    return stack_.back();
  }

  PickleValue* pop() {
    PickleValue* value = top();
    stack_.pop_back();
    return value;
  }

  std::vector<PickleValue*> pop_to_mark() {
    if (marks_.empty()) fail("the pickle goes back to a mark that it never made");
    const auto first = stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back());
    std::vector<PickleValue*> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }

  std::vector<PickleValue*> pop_many(size_t count) {
    std::vector<PickleValue*> items(count);
    for (size_t i = count; i-- > 0;) items[i] = pop();
    return items;
  }

  // ---- Opcodes, in groups. Each group says whether the opcode was one of its own.
  // clang-format off
  bool constant(uint8_t code) {
    switch (code) {
      case 0x80: protocol(); return true;
      case 0x95: cursor_.take_number<uint64_t>("FRAME"); return true;  // a hint for streams only
      case 'N': push(inert_); return true;
      case 0x88: push(true_); return true;
      case 0x89: push(false_); return true;
      case 'J': push(make_int(cursor_.take_number<int32_t>("BININT"))); return true;
      case 'K': push(make_int(cursor_.take_number<uint8_t>("BININT1"))); return true;
      case 'M': push(make_int(cursor_.take_number<uint16_t>("BININT2"))); return true;
      case 'I': integer_line("INT"); return true;
      case 'L': integer_line("LONG"); return true;
      case 0x8a: long_integer(cursor_.take_number<uint8_t>("LONG1")); return true;
      case 0x8b: long_integer(cursor_.take_number<uint32_t>("LONG4")); return true;
      case 'F':
        cursor_.take_line("FLOAT");
        push(inert_);
        return true;
      case 'G':
        cursor_.take(8, "BINFLOAT");
        push(inert_);
        return true;
      case 'S': text_line("STRING"); return true;
      case 'V': text_line("UNICODE"); return true;
      case 'T': text(cursor_.take_number<uint32_t>("BINSTRING")); return true;
      case 'U': text(cursor_.take_number<uint8_t>("SHORT_BINSTRING")); return true;
      case 'X': text(cursor_.take_number<uint32_t>("BINUNICODE")); return true;
      case 0x8c: text(cursor_.take_number<uint8_t>("SHORT_BINUNICODE")); return true;
      case 0x8d: text(cursor_.take_number<uint64_t>("BINUNICODE8")); return true;
      case 'B': bytes(cursor_.take_number<uint32_t>("BINBYTES")); return true;
      case 'C': bytes(cursor_.take_number<uint8_t>("SHORT_BINBYTES")); return true;
      case 0x8e: bytes(cursor_.take_number<uint64_t>("BINBYTES8")); return true;
      default:
        return false;
    }
  }
  // clang-format on

  void protocol() {
    const auto version = cursor_.take_number<uint8_t>("PROTO");
    if (version > 5) fail(fmt::format("pickle protocol {}; accepted are 0 to 5", version));
  }

  void text(uint64_t size) { push(make_text(cursor_.take_text(size, "text"))); }

  void bytes(uint64_t size) {
    cursor_.take(size, "bytes");
    push(inert_);
  }

  void integer_line(std::string_view opcode) {
    std::string_view line = cursor_.take_line(opcode);
    if (opcode == "INT" && (line == "00" || line == "01")) {
      push(line == "01" ? true_ : false_);
      return;
    }
    if (opcode == "LONG" && line.ends_with('L')) line.remove_suffix(1);
    int64_t value = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (error != std::errc() || end != line.data() + line.size()) {
      fail(fmt::format("{} {}; accepted are whole numbers of 64 bits", opcode, printable(line)));
    }
    push(make_int(value));
  }

  void long_integer(uint64_t size) {
    const auto digits = cursor_.take(size, "long integer");
    if (size > 8) {  // torch's magic number is one; nothing else needs its value
      push(inert_);
      return;
    }
    uint64_t value = size > 0 && (digits[size - 1] & std::byte{0x80}) != std::byte{0} ? ~0ull : 0;
    for (size_t i = size; i-- > 0;) value = value << 8 | std::to_integer<uint64_t>(digits[i]);
    push(make_int(static_cast<int64_t>(value)));
  }

  void text_line(std::string_view opcode) {
    std::string_view line = cursor_.take_line(opcode);
    if (opcode == "STRING") {
      const bool has_quotes = line.size() >= 2 && line.front() == line.back() &&
                              (line.front() == '\'' || line.front() == '"');
      if (!has_quotes) fail(fmt::format("STRING {} without quotes", printable(line)));
      line = line.substr(1, line.size() - 2);
    }
    if (line.find('\\') != line.npos) {
      fail(fmt::format("{} {} has escapes; accepted is plain text, save with pickle protocol 2",
                       opcode, printable(line)));
    }
    push(make_text(line));
  }

  // clang-format off
  bool container(uint8_t code) {
    switch (code) {
      case '(':
        if (marks_.size() >= kMaxValues) fail("the pickle has too many marks");
        marks_.push_back(stack_.size());
        return true;
      case '0':
        if (!marks_.empty() && marks_.back() == stack_.size()) {
          marks_.pop_back();
        } else {
          pop();
        }
        return true;
      case '1': pop_to_mark(); return true;
      case '2': push(top()); return true;
      case '}': push(make(Kind::kDict)); return true;
      case ']': push(make(Kind::kList)); return true;
      case ')': push(make(Kind::kTuple)); return true;
      case 't': collect(Kind::kTuple, pop_to_mark()); return true;
      case 'l': collect(Kind::kList, pop_to_mark()); return true;
      case 'd': collect(Kind::kDict, pop_to_mark()); return true;
      case 0x85: collect(Kind::kTuple, pop_many(1)); return true;
      case 0x86: collect(Kind::kTuple, pop_many(2)); return true;
      case 0x87: collect(Kind::kTuple, pop_many(3)); return true;
      case 'a': extend(Kind::kList, "APPEND", pop_many(1)); return true;
      case 'e': extend(Kind::kList, "APPENDS", pop_to_mark()); return true;
      case 's': extend(Kind::kDict, "SETITEM", pop_many(2)); return true;
      case 'u': extend(Kind::kDict, "SETITEMS", pop_to_mark()); return true;
      default:
        return false;
    }
  }
  // clang-format on

  void collect(Kind kind, std::vector<PickleValue*> items) {
    if (kind == Kind::kDict && items.size() % 2 != 0) fail("DICT with a key that has no value");
    PickleValue* value = make(kind);
    value->items = std::move(items);
    push(value);
  }

  void extend(Kind kind, std::string_view opcode, const std::vector<PickleValue*>& items) {
    PickleValue* target = top();
    if (target->kind == Kind::kOpaque) return;
    if (target->kind != kind) fail(fmt::format("{} to {}", opcode, describe(*target)));
    if (kind == Kind::kDict && items.size() % 2 != 0) {
      fail(fmt::format("{} with a key that has no value", opcode));
    }
    target->items.insert(target->items.end(), items.begin(), items.end());
  }

  // clang-format off
  bool memo(uint8_t code) {
    switch (code) {
      case 'g': push(recall(line_index("GET"))); return true;
      case 'h': push(recall(cursor_.take_number<uint8_t>("BINGET"))); return true;
      case 'j': push(recall(cursor_.take_number<uint32_t>("LONG_BINGET"))); return true;
      case 'p': remember(line_index("PUT")); return true;
      case 'q': remember(cursor_.take_number<uint8_t>("BINPUT")); return true;
      case 'r': remember(cursor_.take_number<uint32_t>("LONG_BINPUT")); return true;
      case 0x94: remember(memo_.size()); return true;
      default:
        return false;
    }
  }
  // clang-format on

  uint64_t line_index(std::string_view opcode) {
    const std::string_view line = cursor_.take_line(opcode);
    uint64_t index = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), index);
    if (error != std::errc() || end != line.data() + line.size()) {
      fail(fmt::format("{} {}; accepted is a memo number", opcode, printable(line)));
    }
    return index;
  }

  void remember(uint64_t index) {
    if (memo_.size() >= kMaxValues) fail("the pickle's memo is too large; the file is damaged");
    memo_[index] = top();
  }

  PickleValue* recall(uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) fail(fmt::format("memo entry {} is used before it is made", index));
    return found->second;
  }

  void object(uint8_t code) {
    switch (code) {
      case 'c': {
        const std::string_view module = cursor_.take_line("GLOBAL");
        push(global(module, cursor_.take_line("GLOBAL")));
        return;
      }
      case 0x93: {
        const auto names = pop_many(2);
        if (names[0]->kind != Kind::kText || names[1]->kind != Kind::kText) {
          fail("STACK_GLOBAL whose names are not text");
        }
        push(global(names[0]->text, names[1]->text));
        return;
      }
      case 'R':
        reduce("REDUCE");
        return;
      case 'b':
        build();
        return;
      case 'Q':
        persistent_id();
        return;
      default:
        break;
    }
    const bool makes_object =
        std::any_of(std::begin(kObjectOpcodes), std::end(kObjectOpcodes),
                    [&](const OpcodeName& opcode) { return opcode.code == code; });
    if (code == 0x81 && stack_.size() >= floor() + 2 && is_global(stack_[stack_.size() - 2])) {
      reduce("NEWOBJ");
    } else if (makes_object && skip_) {
      placeholder(code);
    } else {
      refuse("opcode " + opcode_name(code));
    }
  }

  [[noreturn]] void refuse(const std::string& what) const {
    fail(fmt::format(
        "the pickle uses {}, which is refused and was not run; accepted are tensors in dicts, "
        "lists and tuples. Save the state_dict alone, or convert the file to safetensors",
        what));
  }

  static bool is_global(const PickleValue* value) { return value->kind == Kind::kGlobal; }

  PickleValue* global(std::string_view module, std::string_view name) {
    if (module.size() + name.size() > kMaxGlobalName) {
      refuse("the global " + printable(module) + " " + printable(name));
    }
    std::string full = std::string(module) + "." + std::string(name);
    const AcceptedGlobal* accepted = find_accepted_global(full);
    if (accepted == nullptr && (!skip_ || runs_code(full))) refuse("the global " + printable(full));
    if (accepted != nullptr && accepted->global == Global::kNone) return inert_;
    PickleValue* value = make(accepted == nullptr ? Kind::kOpaque : Kind::kGlobal);
    if (accepted != nullptr) {
      value->global = accepted->global;
      value->type = accepted->type;
    }
    value->text = copied(std::move(full));
    return value;
  }

  std::string copied(std::string text) {
    copied_text_ += text.size();
    if (copied_text_ > kMaxCopiedText) fail("more names than any set of tensors has");
    return text;
  }

  // The placeholder of a class stands for its objects too: nothing tells them apart.
  PickleValue* object_of(PickleValue* callee, std::string_view opcode) {
    if (callee->kind != Kind::kOpaque) {
      refuse(fmt::format("opcode {} on {}", opcode, describe(*callee)));
    }
    return callee;
  }

  void placeholder(uint8_t code) {
    const std::string name = opcode_name(code);
    if (code == 0x8f || code == 0x91) {  // EMPTY_SET, FROZENSET
      if (code == 0x91) pop_to_mark();
      PickleValue* value = make(Kind::kOpaque);
      value->text = "set";
      push(value);
    } else if (code == 0x90) {  // ADDITEMS
      pop_to_mark();
      object_of(top(), name);
    } else if (code == 'i') {  // INST
      const std::string_view module = cursor_.take_line(name);
      PickleValue* made = global(module, cursor_.take_line(name));
      pop_to_mark();
      push(object_of(made, name));
    } else {  // OBJ, NEWOBJ, NEWOBJ_EX
      const auto items = code == 'o' ? pop_to_mark() : pop_many(code == 0x81 ? 2 : 3);
      if (items.empty()) fail("OBJ without a class");
      push(object_of(items[0], name));
    }
  }

  void reduce(std::string_view opcode) {
    const auto pair = pop_many(2);
    PickleValue* callee = pair[0];
    const PickleValue* arguments = pair[1];
    if (arguments->kind != Kind::kTuple) {
      fail(fmt::format("{} with {} for arguments", opcode, describe(*arguments)));
    }
    if (callee->kind == Kind::kOpaque) {
      push(callee);
      return;
    }
    if (!is_global(callee)) fail(fmt::format("{} calls {}", opcode, describe(*callee)));
    push(call(*callee, arguments->items));
  }

  PickleValue* call(const PickleValue& callee, const std::vector<PickleValue*>& arguments) {
    const auto wrong = [&] {
      fail(
          fmt::format("{} with arguments that it does not have; the file is damaged", callee.text));
    };
    switch (callee.global) {
      case Global::kOrderedDict:
        return ordered_dict(arguments);
      case Global::kDevice:
        return inert_;
      case Global::kSize:
        if (arguments.size() != 1 || arguments[0]->kind != Kind::kTuple) wrong();
        return arguments[0];
      case Global::kRebuildTensor:
        return rebuild_tensor(callee, arguments);
      case Global::kRebuildParameter:
        if (arguments.empty() || arguments[0]->kind != Kind::kTensor) wrong();
        return arguments[0];
      case Global::kStorageClass:
      case Global::kNone:
        break;
    }
    refuse("a call of " + callee.text);
  }

  // OrderedDict(), or OrderedDict([[key, value], ...]) as Python 2 saved it.
  PickleValue* ordered_dict(const std::vector<PickleValue*>& arguments) {
    PickleValue* dict = make(Kind::kDict);
    if (arguments.empty()) return dict;
    const bool is_list = arguments.size() == 1 &&
                         (arguments[0]->kind == Kind::kList || arguments[0]->kind == Kind::kTuple);
    if (!is_list) fail("OrderedDict of something other than a list of pairs");
    // One list may be named by many calls: without a limit a small file fills the memory.
    copied_ += arguments[0]->items.size();
    if (copied_ > kMaxValues) fail("OrderedDict of more items than any set of tensors has");
    for (const PickleValue* pair : arguments[0]->items) {
      const bool is_pair =
          (pair->kind == Kind::kList || pair->kind == Kind::kTuple) && pair->items.size() == 2;
      if (!is_pair) fail("OrderedDict of something other than a list of pairs");
      dict->items.insert(dict->items.end(), pair->items.begin(), pair->items.end());
    }
    return dict;
  }

  // _rebuild_tensor(storage, offset, sizes, strides), _v2(..., requires_grad, hooks[, metadata]).
  PickleValue* rebuild_tensor(const PickleValue& callee,
                              const std::vector<PickleValue*>& arguments) {
    const bool is_v2 = callee.text.ends_with("_v2");
    const size_t count = arguments.size();
    if (is_v2 ? count != 6 && count != 7 : count != 4) {
      fail(fmt::format("{} with {} arguments; the file is damaged", callee.text, count));
    }
    const bool fits = arguments[0]->kind == Kind::kStorage && arguments[1]->kind == Kind::kInt &&
                      arguments[2]->kind == Kind::kTuple && arguments[3]->kind == Kind::kTuple;
    if (!fits) {
      fail(fmt::format("{} of {}, {}, {}, {}; accepted are storage, offset, sizes, strides",
                       callee.text, describe(*arguments[0]), describe(*arguments[1]),
                       describe(*arguments[2]), describe(*arguments[3])));
    }
    if (count == 7 && !(arguments[6]->kind == Kind::kInert ||
                        (arguments[6]->kind == Kind::kDict && arguments[6]->items.empty()))) {
      refuse("a tensor with a conjugate or negative bit");
    }
    PickleValue* tensor = make(Kind::kTensor);
    tensor->integer = arguments[1]->integer;
    tensor->items = {arguments[0], arguments[2], arguments[3]};
    return tensor;
  }

  // BUILD sets attributes. Those of an OrderedDict (`_metadata` of a module) say nothing about its
  // tensors; a parameter's own state neither.
  void build() {
    pop();
    const Kind kind = top()->kind;
    if (kind == Kind::kOpaque || kind == Kind::kDict) return;
    refuse("opcode BUILD on " + describe(*top()));
  }

  // ("storage", class, key, location, elements[, view]), view: None or (key, offset, elements).
  void persistent_id() {
    const PickleValue* id = pop();
    const auto& items = id->items;
    const bool fits = id->kind == Kind::kTuple && (items.size() == 5 || items.size() == 6) &&
                      items[0]->kind == Kind::kText && items[0]->text == "storage" &&
                      items[2]->kind == Kind::kText && items[4]->kind == Kind::kInt;
    if (!fits) {
      fail(
          fmt::format("BINPERSID of {} that is no storage of torch; accepted are files of "
                      "torch.save with a state_dict, not with whole modules",
                      describe(*id)));
    }
    if (!is_global(items[1]) || items[1]->global != Global::kStorageClass) {
      fail(fmt::format("a storage of class {}; accepted are the float, integer and bool storages",
                       describe(*items[1])));
    }
    if (items[2]->text.size() > kMaxStorageKey) {
      fail(fmt::format("a storage key of {} bytes; accepted are {}", items[2]->text.size(),
                       kMaxStorageKey));
    }
    PickleValue* storage = make(Kind::kStorage);
    storage->text = copied(items[2]->text);
    storage->type = items[1]->type;
    storage->integer = items[4]->integer;
    if (items.size() == 6 && items[5]->kind != Kind::kInert) {
      const auto& view = items[5]->items;
      const bool is_view = items[5]->kind == Kind::kTuple && view.size() == 3 &&
                           view[1]->kind == Kind::kInt && view[2]->kind == Kind::kInt;
      if (!is_view) fail("a storage view that is not (key, offset, elements)");
      storage->items = {view[1], view[2]};
    }
    pickle_.storages.push_back(storage);
    push(storage);
  }

  ByteCursor& cursor_;
  const bool skip_;
  size_t at_ = 0;           // where the opcode being run begins
  size_t copied_ = 0;       // items that calls of OrderedDict have copied
  size_t copied_text_ = 0;  // bytes of names of classes and keys of storages
  Pickle pickle_;
  std::vector<PickleValue*> stack_;
  std::vector<size_t> marks_;
  std::map<uint64_t, PickleValue*> memo_;  // no hash table: the file picks the numbers
  PickleValue* inert_ = nullptr;
  PickleValue* true_ = nullptr;
  PickleValue* false_ = nullptr;
};

}  // namespace

Pickle read_pickle(ByteCursor& cursor, bool skip_unknown_objects) {
  return Machine(cursor, skip_unknown_objects).run();
}

std::string describe(const PickleValue& value) {
  switch (value.kind) {
    case Kind::kInert:
      return "a plain value";
    case Kind::kBool:
      return "a bool";
    case Kind::kInt:
      return "a whole number";
    case Kind::kText:
      return "the text " + printable(value.text);
    case Kind::kTuple:
      return "a tuple";
    case Kind::kList:
      return "a list";
    case Kind::kDict:
      return "a dict";
    case Kind::kGlobal:
      return "the global " + printable(value.text);
    case Kind::kStorage:
      return "a storage";
    case Kind::kTensor:
      return "a tensor";
    case Kind::kOpaque:
      return "an object of " + printable(value.text);
  }
  return "a value";
}

}  // namespace oar
