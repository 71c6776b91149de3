#include "ra_states.h"

/* For documents and tests: a file of its own, so that an image which asks for none of these words has
 * none of them. */

#define NAME(name, works, text) #name,
#define EVENT_NAME(name, text) #name,
#define EVENT_TEXT(name, text) text,

const char *ra_state_name(enum ra_state state)
{
    static const char *const names[] = {RA_STATES(NAME)};
    return names[state];
}

const char *ra_event_name(enum ra_event event)
{
    static const char *const names[] = {RA_EVENTS_LIST(EVENT_NAME)};
    return names[event];
}

const char *ra_event_text(enum ra_event event)
{
    static const char *const texts[] = {RA_EVENTS_LIST(EVENT_TEXT)};
    return texts[event];
}
