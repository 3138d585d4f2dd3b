#include "net/router.h"

#include <cstdlib>
#include <functional>
#include <span>
#include <utility>

#include "base/text.h"

namespace codeapi {
namespace {

// The segments of "/a/b" are "a" and "b"; those of "/" one empty one. `path` begins with '/'.
std::vector<std::string_view> Split(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash);
  }
  return segments;
}

bool IsParameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

asio::awaitable<Response> Answer(Response response) {
  co_return response;
}

}  // namespace

// One segment of the tree of templates. The parameter's name belongs to the template, not to the node: two
// templates may call the same place differently.
struct Router::Node {
  struct Leaf {
    Handler handler;
    std::string path_template;
    std::vector<std::string> names;
  };

  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> parameter;
  std::map<std::string, Leaf, std::less<>> methods;

  /// The node for `segments`, or null; `values` are then what the parameters took, in order.
  const Node* find(std::span<const std::string> segments, std::vector<std::string>& values) const {
    if (segments.empty()) return methods.empty() ? nullptr : this;
    if (const auto it = literals.find(segments.front()); it != literals.end()) {
      if (const Node* node = it->second->find(segments.subspan(1), values)) return node;
    }
    if (!parameter || segments.front().empty()) return nullptr;
    values.push_back(segments.front());
    if (const Node* node = parameter->find(segments.subspan(1), values)) return node;
    values.pop_back();
    return nullptr;
  }

  /// Who answers `method`: a handler for GET answers HEAD as well.
  const Leaf* leaf(std::string_view method) const {
    auto it = methods.find(method);
    if (it == methods.end() && method == "HEAD") it = methods.find("GET");
    return it == methods.end() ? nullptr : &it->second;
  }

  std::string allowed() const {
    std::string list;
    const auto append = [&](std::string_view method) {
      list.append(list.empty() ? "" : ", ").append(method);
    };
    for (const auto& [method, leaf] : methods) append(method);
    if (methods.contains("GET") && !methods.contains("HEAD")) append("HEAD");
    return list;
  }
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

void Router::add(std::string method, std::string_view path_template, Handler handler) {
  if (!path_template.starts_with('/')) std::abort();
  Node* node = root_.get();
  Node::Leaf leaf{std::move(handler), std::string(path_template), {}};
  for (const std::string_view segment : Split(path_template)) {
    const bool parameter = IsParameter(segment);
    if (parameter) leaf.names.emplace_back(segment.substr(1, segment.size() - 2));
    std::unique_ptr<Node>& next = parameter ? node->parameter : node->literals[std::string(segment)];
    if (!next) next = std::make_unique<Node>();
    node = next.get();
  }
  node->methods.insert_or_assign(std::move(method), std::move(leaf));
}

void Router::otherwise(Handler handler) {
  otherwise_ = std::move(handler);
}

asio::awaitable<Response> Router::route(Request& request) const {
  std::vector<std::string> segments;
  if (request.path.starts_with('/')) {
    for (const std::string_view segment : Split(request.path)) segments.push_back(PercentDecode(segment));
  }
  std::vector<std::string> values;
  const Node* node = segments.empty() ? nullptr : root_->find(segments, values);
  if (node == nullptr && otherwise_) return otherwise_(request);
  if (node == nullptr) return Answer(ErrorResponse(404, "Not found"));
  const Node::Leaf* leaf = node->leaf(request.method);
  if (leaf == nullptr) {
    request.route = node->methods.begin()->second.path_template;
    Response response = ErrorResponse(405, "Method not allowed");
    response.headers.add("Allow", node->allowed());
    return Answer(std::move(response));
  }
  request.route = leaf->path_template;
  for (std::size_t i = 0; i < values.size(); ++i) request.params.add(leaf->names[i], std::move(values[i]));
  return leaf->handler(request);
}

}  // namespace codeapi
