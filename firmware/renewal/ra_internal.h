/* ra_internal.h - what the files of firmware/renewal share; not for others. */
#ifndef RA_INTERNAL_H
#define RA_INTERNAL_H

#include "perennial.h"

/* ra->worker while the time is being asked for. */
#define RA_WORKER_PROBE ((int8_t)RA_ROLES)

/* And while a key is being imported. */
#define RA_WORKER_IMPORT ((int8_t)(RA_ROLES + 1))

/* Who has the one store operation that can be under way. */
enum ra_writer {
    RA_WRITER_NONE,
    RA_WRITER_WORK,
    RA_WRITER_EVENT,
    RA_WRITER_COMMIT,
    RA_WRITER_CONFIG,
    RA_WRITER_CLEANUP,
    RA_WRITER_PROVISION,
    RA_WRITER_PASSWORD
};

/* Put one record and wait for it. RA_AGAIN while it, or somebody else's, is
 * under way; seeds the random generator first when the store must seal. Call
 * with the same arguments until it returns something else. */
ra_err ra_write(struct ra *ra, enum ra_writer who, enum ra_record type, uint16_t id,
                const void *data, size_t size);

/* Drop records and wait for it. As ra_write. */
ra_err ra_drop(struct ra *ra, enum ra_writer who, const struct ra_store_key *keys, size_t n);

/* Seed the random generator: RA_AGAIN while the source has no bytes yet, and after a
 * minute of that RA_E_ENTROPY, until it has. */
ra_err ra_seed(struct ra *ra);
/* RA_OK once started; before, RA_AGAIN, or what ra_init failed with: it never will be. */
ra_err ra_usable(const struct ra *ra);
/* The same with RA_E_BUSY before: for what is asked once. */
ra_err ra_ready(const struct ra *ra);

/* Read a record. RA_E_RECORD_DAMAGED and RA_E_RECORD_SEAL are reported as an event once. */
ra_err ra_read(struct ra *ra, enum ra_record type, uint16_t id, void *out, size_t cap,
               size_t *size);

/* Load the private key of a generation into `key`. */
ra_err ra_load_key(struct ra *ra, enum ra_role role, uint32_t generation, struct ra_key *key);

/* A generation that has no records yet: beyond the commit's and the transaction's, and
 * without a commit beyond all that are stored, whose commit was lost. */
uint32_t ra_new_generation(const struct ra *ra, enum ra_role role);

/* The protocol and the URL that the settings give for a role. */
enum ra_protocol ra_protocol_of(const struct ra *ra, enum ra_role role);
const char *ra_url_of(const struct ra *ra, enum ra_role role);
/* Whether there is a challenge password, and it is meant for the server of the role. */
bool ra_challenge_for(const struct ra *ra, enum ra_role role);
/* Whether its requests carry an id that we make and store before sending. */
bool ra_protocol_own_id(uint8_t protocol);
/* The id of the generation that is to sign a new request of the role; 0: none, a first enrolment. */
uint16_t ra_signer_id(const struct ra *ra, enum ra_role role);
/* Whether the key of the role signs messages of SCEP, by the settings, for itself or for another: it
 * opens the replies too, so it must be RSA [RFC 8894 3.2]. */
bool ra_signs_scep(const struct ra *ra, enum ra_role role);
/* Whether the request is wrapped by ra_cms_renewal_build, not by the protocol itself. */
bool ra_protocol_wants_cms(uint8_t protocol);

/* Store a trust anchor that another one vouches for, and log it as the role's; RA_OK too when it is there
 * already. RA_AGAIN, RA_E_ANCHORS_FULL. `cert` lies outside of ra->old_cert. */
ra_err ra_stage_anchor(struct ra *ra, unsigned role, struct ra_span cert);

/* Write the present ra->txn of the role. */
ra_err ra_write_txn(struct ra *ra, enum ra_role role);

/* Apply an event to a role's state. Leaving a working state gives the worker back. */
void ra_apply(struct ra *ra, enum ra_role role, enum ra_event event);
/* Enter a state that the recovery table names. */
void ra_enter(struct ra *ra, enum ra_role role, enum ra_state state);

/* One step of a waiting state, or of getting hold of the worker. Returns the
 * milliseconds until it has something to look at again. */
uint32_t ra_renewal_step(struct ra *ra, enum ra_role role);

/* One slice of the present working state. Returns the event it ends with, or -1
 * while it goes on; *wait_ms is set to how long nothing will change. */
int ra_work(struct ra *ra, enum ra_role role, uint32_t *wait_ms);

/* What a state's work answers when it is no event. */
#define RA_WORK_GOES_ON (-1)
/* How long to wait for flash, or for a source of noise. */
#define RA_WAIT_FLASH_MS 1u

/* The works that are files of their own: the conversation with the CA (ra_talk.c), and what
 * becomes of the certificate (ra_install.c). As ra_work. */
int ra_work_submit(struct ra *ra, enum ra_role role, uint32_t *wait_ms);
int ra_work_save_id(struct ra *ra, enum ra_role role, uint32_t *wait_ms);
int ra_work_poll(struct ra *ra, enum ra_role role, uint32_t *wait_ms);
int ra_work_fetch(struct ra *ra, enum ra_role role, uint32_t *wait_ms);
int ra_work_check(struct ra *ra, enum ra_role role, uint32_t *wait_ms);
int ra_work_stage(struct ra *ra, enum ra_role role, uint32_t *wait_ms);
int ra_work_self_test(struct ra *ra, enum ra_role role, uint32_t *wait_ms);
int ra_work_commit(struct ra *ra, enum ra_role role, uint32_t *wait_ms);
int ra_work_rollback(struct ra *ra, enum ra_role role, uint32_t *wait_ms);

/* End the state with a failure whose cause is kept for SAVE_FAILURE. */
int ra_work_failed(struct ra_renewal *r, ra_err cause);
/* Turn a step's answer into "goes on", "failed" or `done`. */
int ra_work_outcome(struct ra_renewal *r, ra_err e, int done);

/* The served certificate of a role, in ra->old_cert, parsed. */
ra_err ra_load_active_cert(struct ra *ra, enum ra_role role, struct ra_cert *cert);
/* Whether key and certificate of a generation can be read and belong together. `cert` is
 * then parsed, in ra->old_cert. */
ra_err ra_read_pair(struct ra *ra, enum ra_role role, uint32_t generation, struct ra_cert *cert);
/* Wipe the request, or the key's DER, in ra->request. */
void ra_wipe_scratch(struct ra *ra);

/* A slice of asking the CA's web server for the time. RA_OK: over, whatever came of it. */
ra_err ra_probe_time(struct ra *ra, uint32_t *wait_ms);

/* Whether the role has an open request that waits, and no certificate for it yet. */
bool ra_has_request(const struct ra_renewal *r);

/* End an import, or give it up that nobody carries on: it has the worker. */
void ra_import_stop(struct ra *ra);

/* Whether flash says that an erasing was begun; go on with it, or begin; a slice, as ra_renewal_step. */
bool ra_erase_found(const struct ra *ra);
void ra_erase_begin(struct ra *ra);
uint32_t ra_erase_step(struct ra *ra);

/* Whether anything that leads to the CA may begin. */
bool ra_may_ask(const struct ra *ra);

void ra_log(struct ra *ra, enum ra_event_kind kind, unsigned role, ra_err cause, uint32_t hresult,
            const char *detail);

/* Make `generation`, whose certificate is `cert`, the active one of a slot; the
 * present active one becomes the previous. */
void ra_slot_switch(struct ra_slot *slot, uint32_t generation, const struct ra_cert *cert);

/* Forget a transaction, all but what it has used up of the day's attempts and how often its
 * result was given up. */
void ra_txn_clear(struct ra_txn *txn);

/* When the certificate of the role ends; for one that has none a time that makes it ask each day. */
int64_t ra_expiry(const struct ra *ra, enum ra_role role, int64_t now);

/* Whether the stored certificate of a ready role is dated a little ahead of `now`. */
bool ra_not_yet(const struct ra_renewal *r, int64_t now);

/* Whether there is a previous pair to go back to, stored and not expired. */
bool ra_can_roll_back(const struct ra *ra, enum ra_role role);

/* Let go of what the worker has under way: the exchange, a key, the request. */
void ra_stop_work(struct ra *ra);

/* After the commit in RAM was written: tell the subscribers, forget loaded keys. */
void ra_switched(struct ra *ra, enum ra_role role);

#endif
