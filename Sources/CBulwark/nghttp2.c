#include "bulwark_nghttp2.h"

#include <nghttp2/nghttp2.h>

// A distribution may carry the fixes under an old version number (Debian 12
// ships 1.52.0 with both), so the version macro cannot tell whether they are
// there, and the preprocessor cannot ask for a function. Overloads can: each
// function gets a second, looser form under the same name. If the header
// declares the real one, that is the better match and the call has type void;
// if it does not, only the looser form is left, which has type char.
__attribute__((overloadable)) char
nghttp2_option_set_stream_reset_rate_limit(const void *, uint64_t, uint64_t);
__attribute__((overloadable)) char
nghttp2_option_set_max_continuations(const void *, size_t);

#define BULWARK_NGHTTP2_HAS(call)                                              \
  __builtin_types_compatible_p(__typeof__(call), void)

_Static_assert(
    BULWARK_NGHTTP2_HAS(nghttp2_option_set_stream_reset_rate_limit(
        (nghttp2_option *)0, (uint64_t)0, (uint64_t)0)),
    "Bulwark needs nghttp2 1.57 or newer, or a distribution's package with "
    "the fix for CVE-2023-44487 (Debian 12: libnghttp2-dev 1.52.0-1+deb12u3)");

_Static_assert(
    BULWARK_NGHTTP2_HAS(nghttp2_option_set_max_continuations(
        (nghttp2_option *)0, (size_t)0)),
    "Bulwark needs nghttp2 1.61 or newer, or a distribution's package with "
    "the fix for CVE-2024-28182 (Debian 12: libnghttp2-dev 1.52.0-1+deb12u3)");

void bulwark_nghttp2_option_set_floods(nghttp2_option *option,
                                       uint64_t reset_burst,
                                       uint64_t resets_per_second,
                                       size_t continuations) {
  nghttp2_option_set_stream_reset_rate_limit(option, reset_burst,
                                             resets_per_second);
  nghttp2_option_set_max_continuations(option, continuations);
}
