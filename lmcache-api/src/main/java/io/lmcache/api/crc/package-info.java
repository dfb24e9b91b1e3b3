/**
 * Arithmetic on CRC-32C values, for the modules of the product that compute them in pieces. Not for others: this package may
 * change with any release.
 */
@org.jspecify.annotations.NullMarked
package io.lmcache.api.crc;
