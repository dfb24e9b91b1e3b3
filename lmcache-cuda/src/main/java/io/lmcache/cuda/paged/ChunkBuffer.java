package io.lmcache.cuda.paged;

import io.lmcache.api.engine.TokenRange;
import io.lmcache.api.memory.DeviceBuffer;

/**
 * A chunk in device memory.
 *
 * @param range the tokens of the request that it holds
 * @param buffer its bytes, exactly those of the range
 */
public record ChunkBuffer(TokenRange range, DeviceBuffer buffer) {}
