#pragma once

namespace oar {

/// The options of a recipe's tokenizer that say how large its network is. A configuration, or
/// weights that state their sizes, leave no room for them.
inline constexpr const char* kTokenizerSizes[] = {"codebook_size",       "channels",
                                                  "channel_multipliers", "residual_blocks",
                                                  "embedding_dim",       "normalised_codes"};

}  // namespace oar
