/** The CUDA kernels: how they are launched, and CRC-32C of device memory. */
@NullMarked
package io.lmcache.cuda.kernel;

import org.jspecify.annotations.NullMarked;
