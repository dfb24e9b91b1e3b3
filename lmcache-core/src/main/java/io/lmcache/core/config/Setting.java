package io.lmcache.core.config;

/**
 * A setting of a known name.
 *
 * @param text the text of its value
 * @param writtenAs the name it was given under
 * @param origin where it came from
 */
record Setting(String text, String writtenAs, ConfigOrigin origin) {}
