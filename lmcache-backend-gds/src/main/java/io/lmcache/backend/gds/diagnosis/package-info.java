/** What GPU memory and storage need of the machine to meet: drivers, kernel modules, configuration, limits. */
@org.jspecify.annotations.NullMarked
package io.lmcache.backend.gds.diagnosis;
