/* Records as they come from the store: what they decode to encodes to what decodes alike. */
#include <string.h>

#include "fuzz.h"
#include "ra_credentials.h"
#include "ra_password.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
    static struct ra_commit commit, commit_again;
    static struct ra_txn txn, txn_again;
    static const struct ra_commit no_commit;
    uint8_t out[RA_COMMIT_SIZE > RA_TXN_SIZE_MAX ? RA_COMMIT_SIZE : RA_TXN_SIZE_MAX];
    uint8_t again[RA_COMMIT_SIZE];
    size_t n;
    memset(&commit, 0, sizeof commit);
    memset(&commit_again, 0, sizeof commit_again);
    memset(&txn, 0, sizeof txn);
    memset(&txn_again, 0, sizeof txn_again);
    if (ra_commit_decode(&commit, p, size) == RA_OK) {
        n = ra_commit_encode(&commit, out);
        fuzz_must(n <= RA_COMMIT_SIZE, "the size of a commit");
        fuzz_must(ra_commit_decode(&commit_again, out, n) == RA_OK, "a commit there and back");
        /* A slot never used is not stored, whatever stands in it. */
        fuzz_must(ra_commit_encode(&commit_again, again) == n && memcmp(out, again, n) == 0,
                  "the same commit");
    } else {
        fuzz_must(memcmp(&commit, &no_commit, sizeof commit) == 0, "zeroed on damage");
    }
    if (ra_txn_decode(&txn, p, size) == RA_OK) {
        fuzz_must(memchr(txn.request_id, 0, sizeof txn.request_id) != NULL &&
                      memchr(txn.peer, 0, sizeof txn.peer) != NULL,
                  "texts have an end");
        n = ra_txn_encode(&txn, out);
        fuzz_must(n <= RA_TXN_SIZE_MAX, "the size of a transaction");
        fuzz_must(ra_txn_decode(&txn_again, out, n) == RA_OK, "a transaction there and back");
        fuzz_must(txn.phase == txn_again.phase && txn.generation == txn_again.generation &&
                      txn.attempts == txn_again.attempts && txn.cause == txn_again.cause &&
                      strcmp(txn.request_id, txn_again.request_id) == 0 &&
                      strcmp(txn.peer, txn_again.peer) == 0 && txn.next == txn_again.next,
                  "the same transaction");
    }
    struct ra_password password, no_password;
    memset(&no_password, 0, sizeof no_password);
    memset(&password, 0xff, sizeof password);
    if (ra_password_decode(&password, p, size) == RA_OK) {
        ra_password_encode(&password, again);
        fuzz_must(memcmp(again, p, RA_PASSWORD_SIZE) == 0, "the same password");
        fuzz_must(ra_password_lock_s(&password) <= RA_PASSWORD_LOCK_MAX_S, "the lock has an end");
    } else {
        fuzz_must(!password.set && password.failures == 0 && password.iterations == 0 &&
                      memcmp(password.hash, no_password.hash, sizeof password.hash) == 0,
                  "zeroed on damage");
    }
    return 0;
}
