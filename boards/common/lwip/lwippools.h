/* lwippools.h - the pools behind lwIP's mem_malloc (included several times, so no guard).
 *
 * A block holds a packet buffer's header (16 bytes on a 32-bit part), the room for
 * protocol headers (54) and the data: acknowledgements, ARP and the DHCP state fit in
 * the first size; DNS and DHCP messages and short requests in the second; full segments
 * (the send buffer holds two) in the third. Sizes must rise.
 */
LWIP_MALLOC_MEMPOOL_START
LWIP_MALLOC_MEMPOOL(8, 128)
LWIP_MALLOC_MEMPOOL(4, 512)
LWIP_MALLOC_MEMPOOL(3, 1600)
LWIP_MALLOC_MEMPOOL_END
