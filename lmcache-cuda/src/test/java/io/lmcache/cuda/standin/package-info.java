/** Stand-ins for NVIDIA's libraries, for tests on machines without a GPU. */
@org.jspecify.annotations.NullMarked
package io.lmcache.cuda.standin;
