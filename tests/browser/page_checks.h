#pragma once

#include <string>
#include <vector>

#include "tests/browser/browser.h"

namespace oar {

/// What is wrong with a page for people, one line for each element; empty where nothing is. Each
/// looks at the page as it stands: once in light and once in dark, once wide and once as a phone.

/// Elements that reach over the right edge although no box of their own scrolls them, when the page
/// scrolls sideways.
std::vector<std::string> elements_over_the_edge(Page& page);

/// Buttons, links, fields and images of which a screen reader could not say what they are.
std::vector<std::string> unnamed_elements(Page& page);

/// Visible texts whose colour is too close to what is behind them, with the ratio: below 4.5, or
/// below 3 for large text (24 px, or 18.66 px bold). Texts of disabled controls are exempt.
///
/// Source  WCAG 2.2, success criterion 1.4.3 and its definition of relative luminance.
std::vector<std::string> texts_of_low_contrast(Page& page);

/// Pictures that are not there: not loaded, or without a pixel.
std::vector<std::string> missing_pictures(Page& page);

}  // namespace oar
