// SPDX-License-Identifier: MIT OR Apache-2.0
// A child in C: run_child -- ./example
//   cc -std=c99 -pthread -o example example.c

#define PIPE_HANDLER_IMPLEMENTATION
#include "pipe_handler.h"

int main(void)
{
    ph_record record;
    ph_init("example-c", "info");

    ph_info("shop", "hello from C, %d carts are open", 3);

    if (ph_begin(&record, PH_WARN, "shop.db", "slow query")) {
        ph_float(&record, "ms", 12.5);
        ph_list(&record, "tables");
        ph_str(&record, NULL, "carts");
        ph_str(&record, NULL, "items");
        ph_end(&record);
    }
    ph_send(&record);

    ph_begin(&record, PH_ERROR, "shop.db", "cannot save the cart");
    ph_err(&record, "err", "the database did not answer");
    ph_cause(&record, "connection reset by peer");
    ph_int(&record, "cart", 4711);
    ph_send(&record);
    return 0;
}
