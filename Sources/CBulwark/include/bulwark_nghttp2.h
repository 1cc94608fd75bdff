#pragma once

#include <stddef.h>
#include <stdint.h>

// Declared and not included: a second module that contains nghttp2's header
// would compete with CNghttp2 over who declares its types.
struct nghttp2_option;

/// Sets the three flood limits that nghttp2 has had only since its fixes for
/// CVE-2023-44487 (resets a peer may send) and CVE-2024-28182 (CONTINUATION
/// frames in one header block). Compiling this function against a library
/// without them fails with a sentence that says which version is needed.
void bulwark_nghttp2_option_set_floods(struct nghttp2_option *option,
                                       uint64_t reset_burst,
                                       uint64_t resets_per_second,
                                       size_t continuations);
