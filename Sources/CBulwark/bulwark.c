#include "bulwark.h"
