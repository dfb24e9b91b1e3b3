/** What authors of storage backends test with: the contract, chunks of known content, faults, and a leak check. */
@org.jspecify.annotations.NullMarked
package io.lmcache.testkit;
