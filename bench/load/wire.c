#include "wire.h"

#include <string.h>

static const Wire *const WIRES[] = {&ACREL, &HJ212, &HJ212_12};

const Wire *wire_named(const char *name)
{
    for (size_t i = 0; i < sizeof WIRES / sizeof *WIRES; i++) {
        if (strcmp(WIRES[i]->name, name) == 0)
            return WIRES[i];
    }
    return NULL;
}
